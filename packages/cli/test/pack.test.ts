/**
 * Goal: the published form is the same bytes every time and verifies in a clean folder with nothing but itself.
 * Method: pack twice; install the file with npm, offline; run it.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../../../scripts/pack.ts', import.meta.url));
const VECTOR = fileURLToPath(new URL('../../../vectors/evidence/good.json', import.meta.url));

let folder: string;
let tgz: string;
let digests: readonly string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'licet-pack-'));
  const packed = async (name: string): Promise<string> => {
    const { stdout } = await run(process.execPath, [SCRIPT, join(folder, name)], { cwd: folder });
    const [file, digest] = stdout.trim().split('\n');
    tgz = join(folder, file!);
    return digest!;
  };
  digests = [await packed('one'), await packed('two')];
}, 120_000);

describe('the published form', () => {
  it('is the same bytes when it is made twice', () => {
    expect(digests[0]).toMatch(/^sha512 [0-9a-f]{128}$/);
    expect(digests[1]).toBe(digests[0]);
  });

  it('is installed offline into a clean folder, without dependencies, and verifies there', async () => {
    const clean = join(folder, 'clean');
    await run('mkdir', [clean]);
    await writeFile(join(clean, 'package.json'), '{"name":"clean","private":true}');
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tgz], { cwd: clean });
    const { input } = JSON.parse(await readFile(VECTOR, 'utf8')) as {
      input: { file: string; trust: string };
    };
    await writeFile(join(clean, 'file.json'), input.file);
    await writeFile(join(clean, 'trust.json'), input.trust);
    const licet = join(clean, 'node_modules', '.bin', 'licet');
    const env = { ...process.env, LICET_STATE: join(clean, 'state') };
    const verify = (...args: readonly string[]): Promise<{ stdout: string; code: number }> =>
      run(process.execPath, [licet, 'verify', ...args, '--json'], { cwd: clean, env }).then(
        ({ stdout }) => ({ stdout, code: 0 }),
        (error: { stdout: string; code: number }) => error,
      );
    const good = await verify('file.json', '--trust', 'trust.json');
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ ok: true, exit: 0 });
    expect((await verify('file.json')).code).toBe(5);
    await writeFile(
      join(clean, 'file.json'),
      input.file.replace(/"index":(\d)/, (_, n: string) => `"index":${Number(n) + 1}`),
    );
    expect((await verify('file.json', '--trust', 'trust.json')).code).toBe(4);
    const manifest = JSON.parse(
      await readFile(join(clean, 'node_modules', '@licet', 'cli', 'package.json'), 'utf8'),
    ) as object;
    expect(manifest).not.toHaveProperty('dependencies');

    // The pages are in it: the offline viewer, and what a plane serves.
    const viewer = await run(process.execPath, [licet, 'viewer', '--no-log', '--json'], { cwd: clean, env });
    const { sha256 } = JSON.parse(viewer.stdout) as { readonly sha256: string };
    const html = await readFile(join(clean, 'licet-proof.html'));
    expect(createHash('sha256').update(html).digest('hex')).toBe(sha256);
    const up = spawn(process.execPath, [licet, 'up', '--json', '--port', '0', '--public-port', '0'], {
      cwd: clean,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(createInterface({ input: up.stdout }), 'line')) as [string];
      const { url } = JSON.parse(line) as { readonly url: string };
      const page = await (await fetch(`${url}/console`)).text();
      const script = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1];
      expect((await fetch(`${url}${script}`)).headers.get('content-type')).toContain('javascript');
    } finally {
      up.kill('SIGTERM');
      await once(up, 'close');
    }
  });
});
