/**
 * Everything that reaches the terminal. With `--json`, stdout carries one JSON document or JSON lines and nothing
 * else, and errors are one JSON line on stderr; without it, stdout carries text for people and stderr the progress.
 */
import { styleText } from 'node:util';
import type { Failure } from './errors.ts';

/** Colours by meaning, so that one thing looks the same everywhere. */
const STYLES = {
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  dim: 'dim',
  strong: 'bold',
  name: 'cyan',
} as const;
export type StyleName = keyof typeof STYLES;

export interface Output {
  readonly json: boolean;
  /** For people only. */
  line(text?: string): void;
  /** The one JSON document of a command; nothing without `--json`. */
  document(value: unknown): void;
  /** One JSON line of several; nothing without `--json`. */
  record(value: unknown): void;
  /** Bytes or text that are the result itself, in both modes. */
  raw(content: string | Uint8Array): void;
  /** A remark that is not the result: stderr, people only. */
  remark(text: string): void;
  style(name: StyleName, text: string): string;
  /** Shows how far long work is, on a terminal only. Call `end` when it is over. */
  progress(label: string): Progress;
  failure(failure: Failure, error: unknown): void;
}

export interface Progress {
  at(done: number, total: number): void;
  end(): void;
}

/** Milliseconds between two redraws. */
const REDRAW_MS = 80;

/** Returns the output of this process. */
export function createOutput(json: boolean): Output {
  const style = (name: StyleName, text: string): string =>
    coloured(process.stdout) ? styleText(STYLES[name], text, { stream: process.stdout }) : text;
  const printJson = (value: unknown): void => {
    if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
  };
  return {
    json,
    line(text = '') {
      if (!json) process.stdout.write(`${text}\n`);
    },
    document: printJson,
    record: printJson,
    raw(content) {
      process.stdout.write(content);
    },
    remark(text) {
      if (!json) process.stderr.write(`${text}\n`);
    },
    style,
    progress: (label) => progressOf(label, !json && process.stderr.isTTY),
    failure(failure, error) {
      if (json) {
        const { exit, ...rest } = failure;
        process.stderr.write(`${JSON.stringify({ ok: false, exit, error: rest })}\n`);
      } else {
        const red = coloured(process.stderr) ? styleText('red', failure.code) : failure.code;
        process.stderr.write(`${red}: ${printable(failure.message)}\n`);
        for (const text of problemLines(failure.detail)) process.stderr.write(`  ${text}\n`);
        if (failure.still !== undefined) process.stderr.write(`Still true: ${failure.still}\n`);
        process.stderr.write(`Next: ${failure.next}\n`);
      }
      if (process.env['LICET_DEBUG'] !== undefined && process.env['LICET_DEBUG'] !== '')
        process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    },
  };
}

/** Colour only on a terminal, or when forced, and never against NO_COLOR. */
function coloured(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  return stream.isTTY || (FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0');
}

function progressOf(label: string, show: boolean): Progress {
  let drawnAt = 0;
  return {
    at(done, total) {
      const now = performance.now();
      if (!show || (now - drawnAt < REDRAW_MS && done < total)) return;
      drawnAt = now;
      const share = total === 0 ? 100 : Math.floor((done / total) * 100);
      process.stderr.write(`\r${label} ${share}% (${done}/${total})`);
    },
    end() {
      if (show && drawnAt > 0) process.stderr.write('\r\x1b[2K');
    },
  };
}

interface LooseProblem {
  readonly message?: unknown;
  readonly next?: unknown;
  readonly file?: unknown;
  readonly line?: unknown;
  readonly column?: unknown;
  readonly where?: unknown;
}

function problemLines(detail: unknown): readonly string[] {
  const problems = (detail as { readonly problems?: unknown } | undefined)?.problems;
  if (!Array.isArray(problems)) return [];
  return (problems as readonly LooseProblem[]).map(({ file, line, column, where, message, next }) => {
    const place = [file ?? where, line, column].filter((part) => part !== undefined).join(':');
    return printable(
      `${place === '' ? '' : `${place}: `}${String(message)} ${next === undefined ? '' : String(next)}`,
    );
  });
}

/**
 * Returns text without control characters: what an agent or a file chose must not drive the terminal (a forged
 * "approved" line, a hidden argument). Also bidirectional overrides, which reorder what is read.
 */
export function printable(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Returns rows as aligned columns; widths are counted without colour codes. */
export function columns(rows: readonly (readonly string[])[], gap = 2): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, bare(cell).length)));
  return rows.map((row) =>
    row
      .map((cell, at) =>
        at === row.length - 1 ? cell : cell + ' '.repeat(widths[at]! - bare(cell).length + gap),
      )
      .join(''),
  );
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const bare = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, '');

/** Returns a duration in the largest unit that reads well. */
export function duration(ms: number): string {
  const s = Math.round(Math.abs(ms) / 1_000);
  if (s < 90) return `${s} s`;
  if (s < 5_400) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3_600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/** Returns a time as people read it, in UTC: `2026-01-31 12:00:00Z`. */
export const time = (ms: number): string =>
  new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');

/** Returns a number with its noun, as in `1 tool` and `3 tools`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
