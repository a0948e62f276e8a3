// The main job: every claim of the product, on real tools, checked by its effect (README).
import { styleText } from 'node:util';
import type { ClaimResult } from './claim.ts';
import { attested } from './attested.ts';
import { authority } from './authority.ts';
import { evidence, evidencePaths, type EvidencePaths } from './evidence.ts';
import { outage } from './outage.ts';
import { people } from './people.ts';
import { permits } from './permits.ts';
import { pins } from './pins.ts';
import { processes } from './processes.ts';
import type { Scenario, Stage } from './scenario.ts';
import { tools } from './tools.ts';
import { openWorld, type World } from './world.ts';

/** What the demo came to. */
export interface DemoReport {
  readonly ok: boolean;
  readonly claims: readonly ClaimResult[];
  readonly evidence: EvidencePaths;
}

const SCENARIOS: readonly (readonly [title: string, scenario: Scenario])[] = [
  ['An agent uses files through the gateway', tools],
  ['Permits are exact, and spent once', permits],
  ['What is contained stops', processes],
  ['A tool that changes is not the tool that was approved', pins],
  ['What runs is what was measured', attested],
  ['Who may act, and how far', authority],
  ['A person answers, with their own hand', people],
  ['The plane dies, and nothing is permitted', outage],
  ['A stranger checks it all', evidence],
];

/** Runs every scenario in one world. Resolves when all claims were looked at; the world stays open. */
export async function runDemo(options: {
  readonly folder?: string;
  readonly store?: string;
  readonly port?: number;
  /** Plain words for people; nothing is written when absent. */
  readonly say?: (line: string) => void;
}): Promise<{ readonly report: DemoReport; readonly world: World }> {
  const say = options.say ?? (() => undefined);
  const where = options.store === undefined ? 'embedded SQLite' : 'PostgreSQL';
  say(`Starting a plane on ${where}, with the starter policy and a fresh workspace …`);
  const world = await openWorld(options);
  say(`  workspace ${world.workspace}`);
  const claims: ClaimResult[] = [];
  const ids = new Map<string, string>();
  const stage: Stage = {
    world,
    async claim(name, check) {
      const result = await check().then(
        (how) => ({ name, ok: true, how }),
        (error: unknown) => ({
          name,
          ok: false,
          how: error instanceof Error ? error.message : String(error),
        }),
      );
      claims.push(result);
      const mark = result.ok ? styleText('green', '■ holds ') : styleText('red', '▲ FAILS ');
      say(`  ${mark} ${name}\n           ${styleText('dim', result.how)}`);
    },
    keep: (name, id) => void ids.set(name, id),
    kept(name) {
      const id = ids.get(name);
      if (id === undefined) throw new Error(`no ${name} was kept: an earlier scenario failed`);
      return id;
    },
    tell: (sentence) => say(`  ${sentence}`),
  };
  for (const [title, scenario] of SCENARIOS) {
    say(`\n${styleText('bold', title)}`);
    try {
      await scenario(stage);
    } catch (error) {
      // A scenario that cannot be set up is a claim that does not hold.
      claims.push({ name: title, ok: false, how: error instanceof Error ? error.message : String(error) });
      say(`  ${styleText('red', '▲ FAILS ')} ${title}: ${String(error)}`);
    }
  }
  const report = { ok: claims.every(({ ok }) => ok), claims, evidence: evidencePaths(world.folder) };
  return { report, world };
}
