/**
 * The yardstick from the field: Cerbos' HTTP check of an equivalent small policy. It decides; it stores and signs
 * nothing. The program comes from npm, on demand, into `bench/out/cerbos`: 100 MB are too many for everybody's install.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Pinned, so that the yardstick does not move by itself. */
const VERSION = '0.55.0';
const HOME = join(import.meta.dirname, 'out/cerbos');
const PROGRAM = join(HOME, 'node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64');

/** Path that takes checks. */
export const CHECK = '/api/check/resources';

/** As many rules as the starter policy has for files, for the same roles. */
const POLICY = `apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: file
  version: default
  rules:
    - actions: ["read"]
      effect: EFFECT_ALLOW
      roles: ["assistant", "user"]
      condition: { match: { expr: 'R.attr.path.startsWith("/workspace/")' } }
    - actions: ["write"]
      effect: EFFECT_ALLOW
      roles: ["assistant", "user"]
      condition: { match: { expr: 'R.attr.path.startsWith("/workspace/")' } }
    - actions: ["write", "move"]
      effect: EFFECT_DENY
      roles: ["*"]
      condition: { match: { expr: 'R.attr.freeze == true' } }
    - actions: ["move"]
      effect: EFFECT_DENY
      roles: ["*"]
      condition: { match: { expr: '!("operators" in R.attr.approvals)' } }
`;

export interface CerbosProcess {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** Returns the body of check number `n`: the agent and the person it acts for, the same content in the resource. */
export const checkOf = (n: number, content: string): string =>
  JSON.stringify({
    requestId: `r${n}`,
    principal: { id: 'a-bench', roles: ['assistant'], attr: { for: 'u-owner' } },
    resources: [
      {
        actions: ['write'],
        resource: {
          kind: 'file',
          id: `f${n}`,
          attr: { path: `/workspace/f${n}.txt`, freeze: false, approvals: [], content },
        },
      },
    ],
  });

/** Starts it; undefined, with a line that says so, where its program does not run or cannot be had. */
export async function startCerbos(): Promise<CerbosProcess | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return lost('it is measured on linux-x64 only');
  if (!existsSync(PROGRAM)) {
    mkdirSync(HOME, { recursive: true });
    writeFileSync(join(HOME, 'package.json'), '{ "private": true }\n');
    try {
      const what = `@cerbos/cerbos-linux-x64@${VERSION}`;
      await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--no-save', what], {
        cwd: HOME,
      });
    } catch (error) {
      return lost(`it could not be installed: ${(error as Error).message.split('\n', 1)[0]}`);
    }
  }
  if (!existsSync(PROGRAM)) return lost(`${PROGRAM} is not there`);
  const folder = mkdtempSync(join(tmpdir(), 'licet-cerbos-'));
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies/file.yaml'), POLICY);
  const [http, grpc] = [await freePort(), await freePort()];
  const config = join(folder, 'cerbos.yaml');
  writeFileSync(
    config,
    `server: { httpListenAddr: "127.0.0.1:${http}", grpcListenAddr: "127.0.0.1:${grpc}" }
storage: { driver: disk, disk: { directory: ${JSON.stringify(join(folder, 'policies'))}, watchForChanges: false } }
telemetry: { disabled: true }
`,
  );
  const child = spawn(PROGRAM, ['server', `--config=${config}`, '--log-level=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, CERBOS_NO_TELEMETRY: '1' },
  });
  const gone = new Promise((resolve) => child.once('close', resolve));
  const stop = async (): Promise<void> => {
    child.kill();
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${http}`;
  for (let tries = 0; tries < 300; tries += 1) {
    const up = await fetch(`${url}/_cerbos/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (up) return { pid: child.pid!, url, stop };
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  return lost('it did not start');
}

function lost(why: string): undefined {
  process.stderr.write(`without Cerbos: ${why}; rows have no ratio to it\n`);
}

/** A port that nobody listens on now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}
