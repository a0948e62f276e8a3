/** Goal: what the README says about exit codes and errors is what the code does. Method: compare the three. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { action, shieldDigests } from '../src/command.ts';
import { CLI_ERRORS } from '../src/errors.ts';
import { EXIT, EXIT_MEANINGS } from '../src/exit-codes.ts';
import { createProgram } from '../src/program.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
const sources = (await readdir(join(ROOT, 'src'), { recursive: true, withFileTypes: true })).filter(
  (item) => item.isFile() && item.name.endsWith('.ts'),
);
const text = (
  await Promise.all(sources.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')))
).join('\n');

describe('exit codes', () => {
  it('the table in the README, the constants and the meanings agree', () => {
    const rows = [...readme.matchAll(/^\|\s*(\d)\s*\|\s*(\w+)\s*\|\s*(.+?)\s*\|$/gm)].map(
      ([, code, name, meaning]) => ({
        code: Number(code),
        name,
        meaning,
      }),
    );
    expect(rows).toEqual(
      Object.entries(EXIT).map(([name, code]) => ({
        code,
        name,
        meaning: EXIT_MEANINGS[name as keyof typeof EXIT],
      })),
    );
  });

  it('every error of the table is thrown somewhere, and every one thrown is in the table', () => {
    const used = new Set([...text.matchAll(/ERR_CLI_[A-Z_]+/g)].map(([code]) => code));
    expect([...used].toSorted()).toEqual(Object.keys(CLI_ERRORS).toSorted());
    for (const code of Object.keys(CLI_ERRORS)) {
      const times = text.split(new RegExp(`\\b${code}\\b`)).length - 1;
      expect(times, code).toBeGreaterThan(1);
    }
  });

  it('every error says what it means and what to do, and none ends with 0', () => {
    for (const row of Object.values(CLI_ERRORS)) {
      expect(row.meaning).toMatch(/\.$/);
      expect(row.next).toMatch(/\.$/);
      expect(row.exit).toBeGreaterThan(0);
    }
  });

  it('every command of the README exists, and every command takes --json', () => {
    const program = createProgram();
    for (const name of 'init up demo mcp exec verify evidence trust log policy explain approvals approve reject contain lift stop agents runs'.split(
      ' ',
    ))
      expect(program.commands.map((command) => command.name())).toContain(name);
    const walk = (command: typeof program): void => {
      for (const child of command.commands) {
        if (child.commands.length === 0)
          expect(
            child.options.map(({ long }) => long),
            child.name(),
          ).toContain('--json');
        walk(child as typeof program);
      }
    };
    walk(program);
  });
});

it('a digest that begins with a hyphen is an argument like every other, before `--` and not behind it', () => {
  const leaf = `-${'a'.repeat(42)}`;
  const shielded = shieldDigests(['lift', leaf, '--prior', leaf, '-y', '--', leaf]);
  expect(shielded.map((arg) => arg.startsWith('-'))).toEqual([false, false, true, false, true, true, true]);
  let heard: unknown;
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .argument('<leaf>')
    .option('--prior <leaf>')
    .action(
      action<{ readonly prior?: string }>(async ({ options }, ...given) => {
        heard = [options.prior, given];
      }),
    );
  program.parse(shieldDigests([leaf, '--prior', leaf]), { from: 'user' });
  expect(heard).toEqual([leaf, [leaf]]);
  expect(() => program.parse([leaf], { from: 'user' })).toThrow('unknown option');
});
