// Makes docs/ERRORS.md from the tables in the code, so that the page cannot say anything else than the code does.
import { PROBLEMS } from '../packages/api/src/problems.ts';
import { CLI_ERRORS } from '../packages/cli/src/errors.ts';
import { EXIT, EXIT_MEANINGS } from '../packages/cli/src/exit-codes.ts';
import { CONTROL_PLANE_ERRORS } from '../packages/control-plane/src/errors.ts';
import { EVIDENCE_ERRORS } from '../packages/evidence/src/errors.ts';
import { GATEWAY_ERRORS } from '../packages/gateway/src/errors.ts';
import { LOG_ERRORS } from '../packages/log/src/errors.ts';
import { DENY_CODES } from '../packages/policy/src/deny-codes.ts';
import { POLICY_ERRORS } from '../packages/policy/src/errors.ts';
import { DOOR_CODES } from '../packages/sdk/src/denied.ts';
import { SDK_ERRORS } from '../packages/sdk/src/errors.ts';
import { SERVER_ERRORS } from '../packages/server/src/errors.ts';
import { STORE_ERRORS } from '../packages/store/src/errors.ts';

interface Row {
  readonly meaning: string;
  readonly next: string;
}

/** Package → its table of thrown errors. */
export const ERROR_TABLES: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  evidence: EVIDENCE_ERRORS,
  policy: POLICY_ERRORS,
  log: LOG_ERRORS,
  'control-plane': CONTROL_PLANE_ERRORS,
  store: STORE_ERRORS,
  server: SERVER_ERRORS,
  sdk: SDK_ERRORS,
  gateway: GATEWAY_ERRORS,
  cli: CLI_ERRORS,
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const codes = (rows: Readonly<Record<string, Row>>): string =>
  table(
    ['code', 'what it means', 'what to do next'],
    Object.entries(rows).map(([code, row]) => [`\`${code}\``, row.meaning, row.next]),
  );

/** Returns the whole page, as `npm run docs` writes it and the test of the tree expects it. */
export function errorPage(): string {
  const problems = Object.entries(PROBLEMS).map(([code, [status, meaning, next]]) => [
    `\`${code}\``,
    String(status),
    meaning,
    next,
  ]);
  const exits = Object.entries(EXIT).map(([name, code]) => [
    String(code),
    name,
    EXIT_MEANINGS[name as keyof typeof EXIT],
  ]);
  const door = Object.entries(DOOR_CODES).map(([code, meaning]) => [`\`${code}\``, meaning]);
  const parts = [
    '# Errors and codes',
    'Made from the tables in the code by `npm run docs`; a test holds both equal. Codes are stable: match on them, not on the sentences.',
    'Three things are kept apart. A **denial** is an answer: nothing ran, and the HTTP status is 200. A **problem** is a call that the contract refuses (4xx) or that the plane could not answer (5xx). An **error** is thrown by a part that cannot do its work. None of them ever lets an execution go on.',
    '## Why an execution was denied, held, refused a renewal, or ended',
    codes(DENY_CODES),
    '## What a door says by itself',
    'These never come from a plane: the door could not reach it, or does not believe it.',
    table(['code', 'what it means'], door),
    '## Problems of the HTTP interface',
    'Body: `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `code`, `detail`, `next` and `requestId`.',
    table(['code', 'status', 'what it means', 'what to do next'], problems),
    '## Exit codes of `licet`',
    table(['exit', 'name', 'what it means'], exits),
    ...Object.entries(ERROR_TABLES).flatMap(([name, rows]) => [
      `## Errors of \`@licet/${name}\``,
      codes(rows),
    ]),
  ];
  return `${parts.join('\n\n')}\n`;
}
