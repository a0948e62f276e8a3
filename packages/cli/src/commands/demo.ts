// `licet demo`: the main job. Runs every claim on real tools and tells what it saw; `--once` ends afterwards.
import type { Command } from 'commander';

/** Adds the command. */
export function demo(program: Command): void {
  program
    .command('demo')
    .description('run the main job on real tools: every claim checked by its effect')
    .option('--once', 'end when the claims have been looked at', false)
    .option('--json', 'one line of JSON at the end, nothing else on stdout', false)
    .option('--folder <path>', 'an existing empty folder for everything that it makes')
    .option('--port <number>', 'port of the plane', Number)
    .action(async (options: { once: boolean; json: boolean; folder?: string; port?: number }) => {
      const say = (line: string): void =>
        void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
      // Loaded when asked for: its tools are no part of the packed command.
      const { runDemo } = await import('../demo/run-demo.ts');
      const { report, world } = await runDemo({
        say,
        ...(options.folder === undefined ? {} : { folder: options.folder }),
        ...(options.port === undefined ? {} : { port: options.port }),
      });
      const held = report.claims.filter(({ ok }) => ok).length;
      say(
        `\n${held} of ${report.claims.length} claims hold. Evidence: ${report.evidence.execution}, ${report.evidence.run}`,
      );
      say(`Check it yourself: licet verify ${report.evidence.run} --trust ${report.evidence.trust}`);
      if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
      process.exitCode = report.ok ? 0 : 1;
      if (options.once) {
        await world.close();
        return;
      }
      say(
        `\nThe plane stays up: ${world.plane.url} (control), ${world.plane.publicUrl} (public). Ctrl-C ends it.`,
      );
      await new Promise((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      await world.close();
    });
}
