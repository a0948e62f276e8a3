/**
 * Text that somebody else made: arguments, names, paths. It is rendered as text, never as markup or link; bidirectional
 * and control characters, which could make a screen say something else than the bytes do, are shown by code point.
 */
import { Fragment, type ReactNode } from 'react';
import css from './untrusted.module.css';

/** Longest text shown at once; the rest is counted. */
const MAX_SHOWN = 4_000;
/** Controls but tab and newline, bidirectional and invisible formatting, odd line ends, private use, lone surrogates. */
const HIDDEN = /[\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]|(?![\t\n])\p{Cc}/gu;

/** Returns the text split into what is shown as it is and code points that are spelt out. */
export function visibleParts(text: string): readonly { readonly hidden: boolean; readonly text: string }[] {
  const parts: { hidden: boolean; text: string }[] = [];
  let at = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > at) parts.push({ hidden: false, text: text.slice(at, match.index) });
    const point = match[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    parts.push({ hidden: true, text: `U+${point}` });
    at = match.index + match[0].length;
  }
  if (at < text.length) parts.push({ hidden: false, text: text.slice(at) });
  return parts;
}

/** Shows a text that somebody else made. */
export function Untrusted({
  children,
  block = false,
}: {
  readonly children: string;
  readonly block?: boolean;
}): ReactNode {
  const shown = children.slice(0, MAX_SHOWN);
  const rest = children.length - shown.length;
  return (
    <bdi dir="ltr" className={block ? css['block'] : css['inline']}>
      {visibleParts(shown).map((part, index) => (
        <Fragment key={index}>
          {part.hidden ? (
            <span className={css['point']} title="An invisible or direction-changing character">
              {part.text}
            </span>
          ) : (
            part.text
          )}
        </Fragment>
      ))}
      {rest > 0 && <span className={css['rest']}> … {rest.toLocaleString('en')} more characters</span>}
    </bdi>
  );
}
