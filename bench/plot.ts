/** The plot of a result: answers per second with 64 in flight, on a logarithmic scale, as SVG without a library. */
import type { BenchResult, Row } from './result.ts';

const BARS: readonly (readonly [name: string, words: string, kind: 'ours' | 'other'])[] = [
  ['echo-http-64', 'bare echo over HTTP: nothing decided', 'other'],
  ['cerbos-http-64', 'Cerbos over HTTP: decided, nothing kept', 'other'],
  ['plain-gate', 'plain gate in process: signed, not durable', 'other'],
  ['permit-http-64', 'permit over HTTP: decided, durable, proven', 'ours'],
  ['permit-unix-64', 'permit over the unix socket', 'ours'],
  ['permit-inprocess-64', 'permit in process', 'ours'],
  ['permit-postgres-64', 'permit in process, PostgreSQL', 'ours'],
  ['start-http-64', 'permit and start in one commit, over HTTP', 'ours'],
];
const [LEFT, RIGHT, BAR, GAP, TOP, WIDTH] = [300, 70, 22, 10, 36, 860];
const INK = { ours: '#1f6f54', other: '#8a8f98', text: '#57606a', line: '#d0d7de' } as const;

/** Returns the SVG. Rows that were not measured are left out. */
export function plot({ rows }: BenchResult): string {
  const bars = BARS.flatMap(([name, words, kind]) => {
    const row = rows.find((one: Row) => one.name === name);
    return row === undefined ? [] : [{ words, kind, value: row.perSecond }];
  });
  const decades = [10, 100, 1_000, 10_000, 100_000];
  const most = decades.find((one) => one >= Math.max(...bars.map(({ value }) => value))) ?? 100_000;
  const x = (value: number): number =>
    LEFT + (Math.log10(Math.max(10, value) / 10) / Math.log10(most / 10)) * (WIDTH - LEFT - RIGHT);
  const height = TOP + bars.length * (BAR + GAP) + 12;
  const grid = decades
    .filter((one) => one <= most)
    .map(
      (one) =>
        `<line x1="${x(one)}" x2="${x(one)}" y1="${TOP - 8}" y2="${height - 8}" stroke="${INK.line}"/><text x="${x(one)}" y="${TOP - 14}" text-anchor="middle">${one.toLocaleString('en')}</text>`,
    );
  const drawn = bars.map(({ words, kind, value }, at) => {
    const y = TOP + at * (BAR + GAP);
    return `<text x="${LEFT - 10}" y="${y + 15}" text-anchor="end">${words}</text><rect x="${LEFT}" y="${y}" width="${Math.max(1, x(value) - LEFT).toFixed(1)}" height="${BAR}" rx="2" fill="${INK[kind]}"/><text x="${(x(value) + 6).toFixed(1)}" y="${y + 15}">${value.toLocaleString('en')}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Answers per second with 64 in flight, logarithmic">
<style>text { font: 12px system-ui, sans-serif; fill: ${INK.text} }</style>
${[...grid, ...drawn].join('\n')}
</svg>
`;
}
