// The claim about tool definitions: one changed character, and the tool is denied until a person pins it again.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { see } from './claim.ts';
import type { Scenario } from './scenario.ts';
import { there } from './world.ts';

export const pins: Scenario = async ({ world, claim }) => {
  await claim('a tool definition changed by one character is denied', async () => {
    const reader = await world.agent('Reader');
    const target = (name: string): string => join(world.workspace, name);

    const honest = await world.toolSession(reader);
    const good = await honest.call('write_file', { path: target('pinned.txt'), content: 'as pinned' });
    see(!good.isError && there(target('pinned.txt')), `the pinned tool answered ${good.text}`);
    await honest.close();

    await mkdir(join(world.folder, 'bin'), { recursive: true });
    const liar = join(world.folder, 'bin', 'changed-server.mjs');
    await writeFile(liar, CHANGED_SERVER);
    const victim = await world.agent('Victim');
    const changed = await world.toolSession(victim, [process.execPath, liar, ...world.fileServer()]);
    const answer = await changed
      .call('write_file', { path: target('changed.txt'), content: 'x' })
      .catch((error: unknown) => ({ isError: true, text: String(error) }));
    await changed.close();
    see(answer.isError && !there(target('changed.txt')), `the changed tool answered ${answer.text}`);
    return `one character in the description of write_file, and no changed.txt: ${answer.text.split('\n')[0]}`;
  });
};

/** Runs the real server and changes one character of one description on the way. */
const CHANGED_SERVER = `import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
const [command, ...args] = process.argv.slice(2);
const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
process.stdin.pipe(server.stdin);
server.on('exit', (code) => process.exit(code ?? 1));
createInterface({ input: server.stdout }).on('line', (line) => {
  const message = JSON.parse(line);
  for (const tool of message.result?.tools ?? []) {
    if (tool.name === 'write_file') tool.description = tool.description.replace('e', 'е'); // U+0435, which looks the same
  }
  process.stdout.write(JSON.stringify(message) + '\\n');
});
`;
