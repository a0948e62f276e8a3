// `licet demo`: the main job. Runs every claim on real tools and tells what it saw, then opens the demo's page.
// `--once` ends after the claims; `--ui` opens the page alone.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { World } from '../demo/world.ts';
import type { DemoReport } from '../demo/run-demo.ts';

interface DemoOptions {
  readonly once: boolean;
  readonly ui: boolean;
  readonly json: boolean;
  readonly folder?: string;
  readonly store?: string;
  readonly port?: number;
  readonly uiPort?: number;
}

/** Adds the command. */
export function demo(program: Command): void {
  program
    .command('demo')
    .description(
      'run the main job on real tools: every claim checked by its effect, then a page to try it on',
    )
    .option('--once', 'end when the claims have been looked at', false)
    .option('--ui', 'open the page alone, without the claims', false)
    .option('--json', 'one line of JSON, nothing else on stdout', false)
    .option('--folder <path>', 'an existing empty folder for everything that it makes')
    .option('--store <url>', 'PostgreSQL database that keeps the plane (default: SQLite)')
    .option('--port <number>', 'port of the plane', Number)
    .option('--ui-port <number>', "port of the demo's page", Number)
    .action(async (options: DemoOptions) => {
      const say = (line: string): void =>
        void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
      const place = {
        ...(options.folder === undefined ? {} : { folder: options.folder }),
        ...(options.store === undefined ? {} : { store: options.store }),
        ...(options.port === undefined ? {} : { port: options.port }),
      };
      const { world, report } = options.ui ? await worldAlone(place) : await claims(place, say);
      if (report !== undefined) process.exitCode = report.ok ? 0 : 1;
      if (options.once) {
        if (options.json) process.stdout.write(`${JSON.stringify(report ?? {})}\n`);
        await world.close();
        return;
      }
      const { openSupervisor } = await import('../supervisor/supervisor.ts');
      buildPages(say);
      const supervisor = await openSupervisor(
        world,
        options.uiPort === undefined ? {} : { port: options.uiPort },
      );
      if (options.json)
        process.stdout.write(
          `${JSON.stringify({ ...report, demo: supervisor.address, url: world.plane.url, publicUrl: world.plane.publicUrl, folder: world.folder })}\n`,
        );
      const control = world.plane.url.replace('//127.0.0.1', '//localhost');
      say('\nOpen in a browser; the address signs you in:');
      say(`  try it yourself, kill the plane  ${supervisor.address}`);
      say(`  console, health, lineage         ${control}/console#token=${world.operatorToken}`);
      say(`  what the public sees             ${world.plane.publicUrl}/console`);
      say('The plane stays up. Ctrl-C ends it all.');
      await new Promise((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      await supervisor.close();
      await world.close();
    });
}

type Place = { readonly folder?: string; readonly store?: string; readonly port?: number };

async function claims(
  place: Place,
  say: (line: string) => void,
): Promise<{ readonly world: World; readonly report: DemoReport }> {
  // Loaded when asked for: its tools are no part of the packed command.
  const { runDemo } = await import('../demo/run-demo.ts');
  const { report, world } = await runDemo({ say, ...place });
  const held = report.claims.filter(({ ok }) => ok).length;
  say(
    `\n${held} of ${report.claims.length} claims hold. Evidence: ${report.evidence.execution}, ${report.evidence.run}`,
  );
  say(`Check it yourself: licet verify ${report.evidence.run} --trust ${report.evidence.trust}`);
  return { world, report };
}

async function worldAlone(place: Place): Promise<{ readonly world: World; readonly report?: DemoReport }> {
  const { openWorld } = await import('../demo/world.ts');
  return { world: await openWorld(place) };
}

/** Builds the pages when they are missing or older than their sources. */
function buildPages(say: (line: string) => void): void {
  const build = join(import.meta.dirname, '..', '..', '..', 'console', 'bin', 'build.mjs');
  if (!existsSync(build)) return;
  const built = spawnSync(process.execPath, [build], { encoding: 'utf8' });
  if (built.status !== 0) say(`The pages were not built: ${built.stderr}`);
}
