// Claims about proof: by another process, under a trust from outside, with one byte flipped, and against a forger who
// does everything right but is somebody else.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { see } from './claim.ts';
import type { Scenario } from './scenario.ts';
import { openWorld, pinTools } from './world.ts';

interface Ladder {
  readonly exit: number;
  readonly rungs: readonly { readonly name: string; readonly status: string; readonly why?: string }[];
}

/** Where the demo leaves its evidence. */
export interface EvidencePaths {
  readonly execution: string;
  readonly run: string;
  readonly trust: string;
}

export const evidencePaths = (folder: string): EvidencePaths => ({
  execution: join(folder, 'execution.json'),
  run: join(folder, 'run.json'),
  trust: join(folder, 'trust.json'),
});

export const evidence: Scenario = async ({ world, claim, kept }) => {
  const paths = evidencePaths(world.folder);
  // The verifier's own state: it knows nothing but the file and the trust it is given.
  const stranger = { LICET_STATE: join(world.folder, 'stranger'), LICET_DATA: join(world.folder, 'nowhere') };
  const verify = async (
    file: string,
    trust?: string,
  ): Promise<{ readonly code: number | null; readonly ladder: Ladder }> => {
    const ran = await world.cli(
      ['verify', file, ...(trust === undefined ? [] : ['--trust', trust]), '--json'],
      stranger,
    );
    return { code: ran.code, ladder: JSON.parse(ran.stdout) as Ladder };
  };
  const failing = (ladder: Ladder): readonly string[] =>
    ladder.rungs.filter(({ status }) => status === 'fail').map(({ name }) => name);

  await claim('evidence of one execution and of the run is verified by a stranger', async () => {
    await writeFile(paths.trust, await readFile(world.trustPath));
    for (const [kind, path] of [
      ['execution', paths.execution],
      ['run', paths.run],
    ] as const) {
      const exported = await world.cli(['evidence', kept(kind), '-o', path, '--data', world.data]);
      see(exported.code === 0, `exporting the ${kind} ended with ${exported.code}: ${exported.stderr}`);
      const { code, ladder } = await verify(path, paths.trust);
      see(
        code === 0,
        `the ${kind} verified with ${code}: ${JSON.stringify(ladder.rungs.filter(({ status }) => status !== 'pass'))}`,
      );
      const decided = ladder.rungs.find(({ name }) => name === 're-decision');
      see(decided?.status === 'pass', `re-decision of the ${kind}: ${decided?.status} ${decided?.why ?? ''}`);
    }
    return 'another process, another state folder, only the file and the trust: every decision was decided again by Cedar itself';
  });

  await claim('one flipped byte is found and its rung named', async () => {
    const bytes = await readFile(paths.execution);
    const at = bytes.indexOf('"args');
    const flipped = join(world.folder, 'flipped.json');
    // Inside the commitment of an entry, so that the file stays well-formed.
    bytes[at + 12] = bytes[at + 12] === 65 ? 66 : 65;
    await writeFile(flipped, bytes);
    const { code, ladder } = await verify(flipped, paths.trust);
    see(
      code === 4 && failing(ladder).length > 0,
      `verified with ${code}, failing: ${failing(ladder).join(', ')}`,
    );
    return `exit 4; broken rungs: ${failing(ladder).join(', ')}`;
  });

  await claim('a perfect forgery by another plane is refused', async () => {
    const forger = await openWorld({});
    try {
      await pinTools(forger);
      const agent = await forger.agent('Ada’s assistant');
      const session = await forger.toolSession(agent);
      await session.call('write_file', {
        path: join(forger.workspace, 'plan.txt'),
        content: 'oats, then Ada\n',
      });
      const { items } = await (
        await forger.operator()
      ).executions({ agent: agent.subject, action: 'files/write_file' });
      const forged = join(world.folder, 'forged.json');
      const exported = await forger.cli([
        'evidence',
        items[0]!.executionId,
        '-o',
        forged,
        '--data',
        forger.data,
      ]);
      see(exported.code === 0, `the forger's export ended with ${exported.code}`);
      await session.close();
      const named = await verify(forged, paths.trust);
      const unnamed = await verify(forged);
      see(
        named.code === 4 && unnamed.code === 5,
        `under our trust: ${named.code}, under none: ${unnamed.code}`,
      );
      return 'internally perfect, made by a real plane with its own keys: exit 4 under our trust, 5 (signer unknown) under none';
    } finally {
      await forger.close();
    }
  });
};
