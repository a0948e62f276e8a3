/** Compares what the visitor holds with what the evidence discloses and commits to. Pure; nothing here is a verdict of the ladder. */
import {
  base64url,
  canonicalize,
  fromUtf8,
  hex,
  parseJson,
  sha256,
  type EvidenceFile,
  type Json,
} from '@licet/evidence';
import { count } from '../../components/count.ts';

/** One comparison. `withheld`: its salt is not in the file, so nobody outside can compare. */
export interface Comparison {
  readonly what: string;
  readonly result: 'same' | 'different' | 'withheld' | 'absent';
  readonly why: string;
}

const MAX_BYTES = 64 * 1_024 * 1_024;

/** Returns where a file's text or digest stands in the disclosed arguments and results; the closest comparison first. */
export function compareFile({ executions }: EvidenceFile, bytes: Uint8Array): readonly Comparison[] {
  const digest = sha256(bytes);
  const forms = new Map([
    [hex(digest), 'its SHA-256'],
    [base64url(digest), 'its SHA-256'],
    [`sha256:${hex(digest)}`, 'its SHA-256'],
  ]);
  const text = textOf(bytes);
  const rows: Comparison[] = [];
  for (const [exec, record] of Object.entries(executions)) {
    for (const [part, disclosed] of [
      ['argument', record.arguments.disclosed],
      ['result', record.result?.disclosed ?? []],
    ] as const) {
      for (const [, name, value] of disclosed) {
        const what = `${part} ${name} of ${exec}`;
        if (typeof value !== 'string') continue;
        const form = forms.get(value);
        if (form !== undefined) rows.push({ what, result: 'same', why: `is ${form}: ${hex(digest)}` });
        else if (text !== undefined && value === text)
          rows.push({ what, result: 'same', why: `is its ${bytes.length} bytes exactly` });
      }
    }
  }
  return rows.length > 0
    ? rows
    : [
        {
          what: 'this file',
          result: 'different',
          why: `no disclosed argument or result is its text or its SHA-256, ${hex(digest)}`,
        },
      ];
}

/** Returns each argument of the visitor beside the disclosed one of the same name, by canonical form. */
export function compareArguments({ executions }: EvidenceFile, input: string): readonly Comparison[] {
  let mine: Json;
  try {
    mine = parseJson(input, { maxBytes: MAX_BYTES });
  } catch (error) {
    return [
      {
        what: 'your text',
        result: 'absent',
        why: `is no JSON: ${error instanceof Error ? error.message : ''}`,
      },
    ];
  }
  if (typeof mine !== 'object' || mine === null || Array.isArray(mine)) mine = { $: mine };
  const given = new Map(Object.entries(mine as { readonly [name: string]: Json }));
  return Object.entries(executions).flatMap(([exec, { arguments: part }]) => {
    const disclosed = new Map(part.disclosed.map(([, name, value]) => [name, value as Json]));
    const names = [...new Set([...given.keys(), ...disclosed.keys()])];
    return names.map((name): Comparison => {
      const what = `${name} of ${exec}`;
      const theirs = disclosed.get(name);
      if (theirs === undefined)
        return part.withheld.length > 0
          ? {
              what,
              result: 'withheld',
              why: `${count(part.withheld.length, 'argument')} withheld; without the salt nobody can compare`,
            }
          : { what, result: 'different', why: 'no such argument was committed to' };
      const own = given.get(name);
      if (own === undefined) return { what, result: 'different', why: 'committed to, and missing in yours' };
      return canonicalize(own) === canonicalize(theirs)
        ? { what, result: 'same', why: 'the value that was committed to' }
        : { what, result: 'different', why: `committed to: ${canonicalize(theirs).slice(0, 120)}` };
    });
  });
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch {
    return undefined;
  }
}
