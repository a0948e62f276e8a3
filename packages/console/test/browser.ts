// A real browser against a real plane. Every page opened here fails its test on a console error, a page error, a
// request to any other origin, or a violation that axe finds.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { base64url } from '@licet/evidence';
import { keptBy } from '../../store/test/under-test.ts';
import { openPlane, type OpenedPlane, type OpenPlaneOptions } from '@licet/server';
import type { ExecutionRequest, PinnedPlane } from '@licet/api';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const CHROMIUM = process.env['LICET_CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A plane in a folder of its own, with both listeners and the pages built. */
export interface Stage {
  readonly plane: OpenedPlane;
  readonly operator: PinnedPlane;
  readonly token: string;
  readonly url: string;
  readonly publicUrl: string;
  readonly workspace: string;
  /** The text of the trust file that the plane's making wrote outside its data. */
  readonly trust: string;
  close(): Promise<void>;
}

/** Opens a fresh plane; builds the pages when they are older than their sources. */
export async function aStage(options: Partial<OpenPlaneOptions> = {}): Promise<Stage> {
  const built = spawnSync(process.execPath, [join(import.meta.dirname, '..', 'bin', 'build.mjs')], {
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`the pages were not built: ${built.stderr}`);
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'console-')));
  const workspace = join(path, 'workspace');
  mkdirSync(workspace);
  const data = join(path, 'data');
  const plane = await openPlane({
    ...keptBy(data),
    data,
    stateDir: join(path, 'state'),
    workspace,
    controlPort: 0,
    publicPort: 0,
    solo: true,
    deadlineMs: 30_000,
    ...options,
  });
  const token = plane.operatorToken!;
  return {
    plane,
    token,
    workspace,
    operator: await plane.as({ token }),
    url: plane.url!,
    publicUrl: plane.publicUrl!,
    trust: readFileSync(plane.trustPath, 'utf8'),
    async close() {
      await plane.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(16)));

/** Asks the plane to decide and start a call that the starter policy knows. */
export const ask = (
  stage: Stage,
  more: Partial<ExecutionRequest> & Pick<ExecutionRequest, 'action' | 'arguments'>,
) =>
  stage.plane.request({
    idempotencyKey: random(),
    instance: random(),
    start: true,
    door: { grade: 'in-process', confine: 'none' },
    ...more,
  });

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What went wrong so far; `settle` fails on it. */
  readonly faults: readonly string[];
  /** Fails on any fault, and on any axe violation of the page as it stands. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

let browser: Browser | undefined;

/** Opens a page of a browser that is shared by the tests of a file. */
export async function aPage(
  stage: Pick<Stage, 'url' | 'publicUrl'>,
  options: { readonly width?: number; readonly height?: number; readonly dark?: boolean } = {},
): Promise<Watched> {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1_360, height: options.height ?? 860 },
    colorScheme: options.dark === true ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  page.setDefaultTimeout(40_000);
  const faults: string[] = [];
  const own = [stage.url, stage.publicUrl].map((url) => new URL(url).origin);
  page.on('console', (message) => {
    // Chromium would have RS256 offered too; evidence verifies none, so no passkey of that kind is asked for.
    if (message.text().includes('pub_key_cred_params')) return;
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('request', (request) => {
    if (!own.includes(new URL(request.url()).origin)) faults.push(`foreign request: ${request.url()}`);
  });
  return {
    page,
    context,
    faults,
    async settle() {
      expect(faults).toEqual([]);
      expect(await violations(page)).toEqual([]);
    },
    close: () => context.close(),
  };
}

/** Signs in by the address that the plane prints, and lands on `path`. */
export async function signIn(page: Page, stage: Stage, path = '/console'): Promise<void> {
  await page.goto(`${stage.url}${path}#token=${stage.token}`);
  await page.getByRole('banner').getByText('Operator', { exact: true }).waitFor();
}

/**
 * Waits until the frame shows the size of the log that the plane says at that moment: leases of earlier tests may end
 * meanwhile, and what ends is an entry too.
 */
export async function showsSize(page: Page, plane: Pick<OpenedPlane, 'status'>): Promise<void> {
  const shown = async (): Promise<number> => {
    const { size } = await plane.status();
    return page.getByRole('link', { name: new RegExp(`^${size}\\s*entries`) }).count();
  };
  await expect.poll(shown, { timeout: 20_000 }).toBe(1);
}

/** Gives the page the visitor's trust file, as pasting it would. */
export async function trustIn(context: BrowserContext, stage: Stage): Promise<void> {
  await context.addInitScript((file) => localStorage.setItem('licet.trust', file), stage.trust);
}

/** Closes the shared browser. */
export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

interface AxeWindow {
  readonly axe: {
    run(): Promise<{
      readonly violations: readonly {
        readonly id: string;
        readonly help: string;
        readonly nodes: readonly { readonly html: string }[];
      }[];
    }>;
  };
}

/** What axe finds: rule, sentence and element. Run through the debugger, so the page's policy stays as it is. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => (globalThis as unknown as AxeWindow).axe.run());
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `${id}: ${help}: ${html}`),
  );
}

/** A port that nobody has: for what must be known before anything listens. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = probe.address() as AddressInfo;
        probe.close(() => resolve(port));
      });
  });

/** An authenticator that keeps passkeys and verifies its user, as a phone does. */
export async function withAuthenticator({ context, page }: Pick<Watched, 'context' | 'page'>): Promise<void> {
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}
