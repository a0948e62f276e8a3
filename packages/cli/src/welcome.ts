/** What `licet` alone prints: what it is, what to try, where things live. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, DATA_DIR } from '@licet/evidence';
import { createOutput } from './output.ts';
import { dataFolderOf, stateFolderOf } from './places.ts';

/** Prints the first page. */
export function welcome(): void {
  const out = createOutput(false);
  const data = dataFolderOf({});
  const made = existsSync(join(data, 'plane.json'));
  out.line(`${out.style('strong', CLI)} decides, records and permits what AI agents do, before they do it.`);
  out.line();
  out.line('Try:');
  for (const [command, what] of [
    [`${CLI} demo --once`, 'a guided run on real tools, every claim checked'],
    [`${CLI} up`, `a plane on ${data}, with a console in the browser`],
    [`${CLI} mcp import`, 'put the tools of an existing MCP client behind it, observing only'],
  ] as const)
    out.line(`  ${out.style('name', command.padEnd(22))} ${what}`);
  out.line();
  out.line(
    `Data folder   ${data}${made ? '' : ` (not made yet; \`${CLI} init\` or \`${CLI} up\` makes it)`}`,
  );
  out.line(`State folder  ${stateFolderOf()} (trust store, tokens, keys: yours, never under ${DATA_DIR})`);
  out.line(`All commands  ${CLI} --help`);
}
