/**
 * The demo's supervisor (RULE 46): a small server of its own, on loopback, that shows the demo's page and runs its fixed
 * scenarios. It is no part of the plane, so it goes on showing the door refuse while the plane is dead. It is never part
 * of `licet up`, and nothing on it takes a command, a path or a policy from outside.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { base64url } from '@licet/evidence';
import { isPage } from '@licet/server';
import type { World } from '../demo/world.ts';
import { killPlane, restartPlane } from './outage.ts';
import { asset, page } from './pages.ts';
import { forward } from './forward.ts';
import { SCENARIOS } from './scenarios.ts';
import { openTheatre, runOf, type Theatre } from './theatre.ts';
import type { DemoView, ScenarioView } from './view.ts';

export interface Supervisor {
  /** The address to open: `http://localhost:PORT/demo#token=…`. */
  readonly address: string;
  readonly url: string;
  readonly token: string;
  close(): Promise<void>;
}

const COOKIE = 'licet-demo';
const CSRF_HEADER = 'licet-demo-csrf';
const MAX_BODY = 1_024;
const MAX_STREAMS = 16;
const API = '/demo/api';
/** Why a button waits: one scenario at a time, so that before and after are its own. */
const BUSY = 'Another scenario is running.';
const DEAD = 'The plane is dead: restart it first.';

/** Opens the supervisor in a world. The world stays its owner's: closing the supervisor leaves it open. */
export async function openSupervisor(
  world: World,
  options: { readonly port?: number } = {},
): Promise<Supervisor> {
  const theatre = await openTheatre(world);
  const desk = new Desk(theatre);
  const server = createServer((request, response) => void desk.answer(request, response));
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  desk.open(port);
  const url = `http://localhost:${port}`;
  return {
    url,
    token: desk.token,
    address: `${url}/demo#token=${desk.token}`,
    async close() {
      desk.close();
      await theatre.close();
      await ended(server);
    },
  };
}

function ended(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** A refused call. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

class Desk {
  readonly token = base64url(randomBytes(24));
  readonly #cookie = base64url(randomBytes(24));
  readonly #csrf = base64url(randomBytes(24));
  readonly #theatre: Theatre;
  #hosts: ReadonlySet<string> = new Set();
  /** What runs now. */
  #busy: string | undefined;
  readonly #streams = new Set<ServerResponse>();

  constructor(theatre: Theatre) {
    this.#theatre = theatre;
    theatre.scenarios = () => this.#scenarios();
  }

  open(port: number): void {
    this.#hosts = new Set([`localhost:${port}`, `127.0.0.1:${port}`]);
  }

  close(): void {
    for (const stream of this.#streams) stream.end();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('referrer-policy', 'no-referrer');
    try {
      await this.#route(request, response);
    } catch (error) {
      const status = error instanceof Refused ? error.status : 500;
      if (response.headersSent) return void response.end();
      json(response, status, {
        code: status === 500 ? 'failed' : 'refused',
        detail: error instanceof Error ? error.message : String(error),
      });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request;
    const path = (request.url ?? '/').split('?', 1)[0]!;
    // RULE 46: only names of this listener (DNS rebinding), only its own pages, and only whoever holds the start token.
    if (!this.#hosts.has(headers.host ?? '')) throw new Refused(403, 'the Host header names another server');
    if (headers.origin !== undefined && !this.#hosts.has(headers.origin.replace(/^http:\/\//, '')))
      throw new Refused(403, 'the Origin header names another site');
    if (method === 'GET' && !path.startsWith(API) && isPage(path)) return page(response);
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw new Refused(403, 'the call comes from another site');
    if (method === 'GET' && (path.startsWith('/assets/') || path === '/licet.svg'))
      return asset(path, response);
    if (method === 'POST' && path === `${API}/enter`) return this.#enter(request, response);
    // The plane's public, redacted reads need no token there, and none here.
    if (method === 'GET' && !path.startsWith(API))
      return forward(this.#theatre.world.plane.publicUrl, request.url ?? '/', response);
    if (!this.#isIn(request))
      throw new Refused(401, 'open the address that the demo printed: it holds the start token');
    if (method === 'GET') return this.#read(path, request, response);
    if (method !== 'POST') throw new Refused(405, 'only GET and POST');
    if (headers.origin === undefined || !same(String(headers[CSRF_HEADER] ?? ''), this.#csrf))
      throw new Refused(403, 'the call does not come from the demo’s page');
    return this.#act(path, response);
  }

  async #enter(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.origin === undefined)
      throw new Refused(403, 'the call does not come from the demo’s page');
    const { token } = JSON.parse(await bodyOf(request)) as { readonly token?: unknown };
    if (typeof token !== 'string' || !same(token, this.token))
      throw new Refused(401, 'this is not the start token');
    response.setHeader('set-cookie', `${COOKIE}=${this.#cookie}; Path=/; HttpOnly; SameSite=Strict`);
    json(response, 200, { csrf: this.#csrf });
  }

  #isIn({ headers }: IncomingMessage): boolean {
    const given = (headers.cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .find((pair) => pair.startsWith(`${COOKIE}=`));
    return given !== undefined && same(given.slice(COOKIE.length + 1), this.#cookie);
  }

  async #read(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { world } = this.#theatre;
    if (path === `${API}/me`) return json(response, 200, { csrf: this.#csrf });
    if (path === `${API}/events`) return this.#stream(request, response);
    if (path === `${API}/trust`)
      return download(response, 'licet-trust.json', await readFile(world.trustPath));
    const asked = new RegExp(`^${API}/evidence/(run-[0-9]{1,6})$`).exec(path)?.[1];
    if (asked !== undefined) {
      const { executionId } = runOf(this.#theatre, asked);
      if (executionId === undefined)
        throw new Refused(404, 'this run has no execution: nothing reached the log');
      if (this.#theatre.plane.state !== 'up') throw new Refused(503, DEAD);
      const operator = await world.operator();
      try {
        return download(response, `licet-${executionId}.json`, await operator.evidence(executionId));
      } finally {
        await operator.close();
      }
    }
    throw new Refused(404, 'there is nothing here');
  }

  async #act(path: string, response: ServerResponse): Promise<void> {
    const theatre = this.#theatre;
    const scenario = SCENARIOS.find(({ id }) => path === `${API}/run/${id}`);
    if (scenario !== undefined) {
      this.#claim(scenario.id);
      if (scenario.needsPlane && theatre.plane.state !== 'up') {
        this.#free();
        throw new Refused(409, DEAD);
      }
      const recorder = await theatre.begin(scenario.id, scenario.title);
      void scenario
        .run(theatre, recorder)
        .catch(async (error: unknown) => {
          recorder.say(`failed → ${String(error)}`);
          recorder.end(
            'deny',
            `The scenario itself failed: ${error instanceof Error ? error.message : String(error)}`,
            '',
            await theatre.look(),
          );
        })
        .finally(() => this.#free());
      return json(response, 202, { run: recorder.view.id });
    }
    const approve = new RegExp(`^${API}/approve/(run-[0-9]{1,6})$`).exec(path)?.[1];
    if (approve !== undefined) return this.#approve(approve, response);
    if (path === `${API}/kill`)
      return this.#during(
        'kill',
        response,
        () => killPlane(theatre),
        theatre.plane.state === 'up' ? undefined : 'It is dead already.',
      );
    if (path === `${API}/restart`)
      return this.#during(
        'restart',
        response,
        () => restartPlane(theatre),
        theatre.plane.state === 'dead' ? undefined : 'It runs.',
      );
    if (path === `${API}/reset`) {
      // A run that waits for a person is ended by its cleanup; anything else is waited for.
      await theatre.cleanUp();
      for (let tries = 0; this.#busy !== undefined && tries < 100; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 100));
      return this.#during('reset', response, async () => {
        if (theatre.plane.state === 'dead') await restartPlane(theatre);
        await theatre.reset();
      });
    }
    throw new Refused(404, 'there is no such scenario');
  }

  async #approve(id: string, response: ServerResponse): Promise<void> {
    const { held } = runOf(this.#theatre, id);
    if (held === undefined) throw new Refused(409, 'this run is not held');
    const operator = await this.#theatre.world.operator();
    try {
      const { hold } = await operator.execution(held.executionId);
      if (hold === undefined) throw new Refused(409, 'this run is no longer held');
      for (const { group } of hold.groups)
        await operator.approve(held.executionId, { hold: hold.leaf, group, verdict: 'approve' });
    } finally {
      await operator.close();
    }
    json(response, 200, { approved: true });
  }

  async #during(
    name: string,
    response: ServerResponse,
    act: () => Promise<void>,
    because?: string,
  ): Promise<void> {
    this.#claim(name);
    try {
      if (because !== undefined) throw new Refused(409, because);
      await act();
    } finally {
      this.#free();
    }
    json(response, 200, { done: name });
  }

  #claim(name: string): void {
    if (this.#busy !== undefined) throw new Refused(409, BUSY);
    this.#busy = name;
    this.#theatre.changed();
  }

  #free(): void {
    this.#busy = undefined;
    this.#theatre.changed();
  }

  #scenarios(): readonly ScenarioView[] {
    const { state } = this.#theatre.plane;
    return SCENARIOS.map(({ id, title, what, needsPlane }, at): ScenarioView => {
      const because = this.#busy !== undefined ? BUSY : needsPlane && state !== 'up' ? DEAD : undefined;
      return { id, key: String(at + 1), title, what, ...(because === undefined ? {} : { because }) };
    });
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    if (this.#streams.size >= MAX_STREAMS) throw new Refused(429, 'too many pages follow the demo');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const tell = (view: DemoView): void => void response.write(`data: ${JSON.stringify(view)}\n\n`);
    this.#streams.add(response);
    tell(this.#theatre.view());
    const stop = this.#theatre.subscribe(tell);
    const beat = setInterval(() => void response.write(': here\n\n'), 15_000);
    request.on('close', () => {
      clearInterval(beat);
      stop();
      this.#streams.delete(response);
    });
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function download(response: ServerResponse, name: string, bytes: Uint8Array): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-disposition': `attachment; filename="${name}"`,
  });
  response.end(bytes);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) {
    text += chunk as string;
    if (text.length > MAX_BODY) throw new Refused(413, 'too long');
  }
  return text;
}

/** Compares without telling by time how much was right. */
function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
