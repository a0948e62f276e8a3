/** The way from one leaf to the root, drawn: at each level the sibling from the file, and the hash computed from both. */
import { useState } from 'react';
import type { EvidenceFile } from '@licet/evidence';
import { shortId } from '../../components/hash.tsx';
import { pathOf, type Path } from './merkle.ts';
import css from './proof.module.css';

const STEP = 46;
const [LEFT, MIDDLE, RIGHT] = [96, 268, 440];
const BOX = { width: 148, height: 24 };

export function MerklePath({ file }: { readonly file: EvidenceFile }) {
  const [position, setPosition] = useState(0);
  const path = pathOf(file, Math.min(position, file.entries.length - 1));
  return (
    <div className={css['merkle']}>
      <label className={css['choose']}>
        <span>Entry</span>
        <select value={position} onChange={({ target }) => setPosition(Number(target.value))}>
          {file.entries.map(({ index }, at) => (
            <option key={index} value={at}>
              {index}
            </option>
          ))}
        </select>
      </label>
      {path === undefined ? (
        <p className="muted">The path cannot be drawn: its parts cannot be read.</p>
      ) : (
        <Drawing path={path} />
      )}
    </div>
  );
}

function Drawing({ path }: { readonly path: Path }) {
  const rows = path.steps.length;
  const y = (level: number): number => 20 + (rows - level) * STEP + 30;
  const holds = path.computed === path.expected;
  return (
    <figure>
      <svg
        viewBox={`0 0 536 ${y(0) + 30}`}
        className={css['tree']}
        role="img"
        aria-label={`Path of entry ${path.index} over ${rows} levels to the root of size ${path.size}: ${holds ? 'leads to it' : 'does not lead to it'}`}
      >
        {path.steps.map(({ level, side, sibling, computed }) => {
          const x = side === 'left' ? LEFT : RIGHT;
          return (
            <g key={level}>
              <path
                className={css['edge']}
                d={`M${MIDDLE} ${y(level - 1) - 12}V${y(level) + 12}M${x} ${y(level - 1) - 12}V${y(level - 1) - STEP / 2}H${MIDDLE}`}
              />
              <HashBox x={x} y={y(level - 1)} text={sibling} kind="given" />
              <HashBox
                x={MIDDLE}
                y={y(level)}
                text={computed}
                kind={level === rows ? 'root' : 'computed'}
                wrong={level === rows && !holds}
              />
            </g>
          );
        })}
        <HashBox
          x={MIDDLE}
          y={y(0)}
          text={path.leaf}
          kind={rows === 0 ? 'root' : 'leaf'}
          wrong={rows === 0 && !holds}
        />
        <text x={MIDDLE} y={y(0) + 28} className={css['legend']}>
          leaf {path.index}
        </text>
        <text x={MIDDLE} y={14} className={css['legend']}>
          {holds
            ? `root of size ${path.size}, as the checkpoint says`
            : 'computed; the checkpoint says otherwise'}
        </text>
      </svg>
      <figcaption className="muted">Solid: computed here. Dashed: siblings from the file.</figcaption>
      <details>
        <summary>All hashes</summary>
        <table className={css['hashes']}>
          <thead>
            <tr>
              <th scope="col">Level</th>
              <th scope="col">Sibling</th>
              <th scope="col">Computed</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <td>leaf</td>
              <td />
              <td>
                <code>{path.leaf}</code>
              </td>
            </tr>
            {path.steps.map(({ level, side, sibling, computed }) => (
              <tr key={level}>
                <td>{level}</td>
                <td>
                  <code>{sibling}</code> {side}
                </td>
                <td>
                  <code>{computed}</code>
                </td>
              </tr>
            ))}
            <tr>
              <td>expected</td>
              <td />
              <td>
                <code>{path.expected}</code>
              </td>
            </tr>
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function HashBox({
  x,
  y,
  text,
  kind,
  wrong = false,
}: {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly kind: string;
  readonly wrong?: boolean;
}) {
  return (
    <g className={css['hash']} data-kind={kind} data-wrong={wrong || undefined}>
      <title>{text}</title>
      <rect x={x - BOX.width / 2} y={y - 12} width={BOX.width} height={BOX.height} rx="3" />
      <text x={x} y={y + 4}>
        {shortId(text)}
      </text>
    </g>
  );
}
