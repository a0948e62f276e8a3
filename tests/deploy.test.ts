// Goal: what `deploy/` says can be done, as far as a machine without a container engine or a cluster can tell. Method: the
// unit is verified and rated by systemd's own tool and its command really started; the other files are read as what they
// are and every command in them is held against the program. Not seen here: building the image, the compose file under an
// engine, the chart under Helm and a cluster.
import { execFile, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments, parse } from 'yaml';
import { render } from './support/chart.ts';
import { LICET } from './support/command.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
const DEPLOY = join(ROOT, 'deploy');
const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'licet-deploy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let help: string;
beforeAll(async () => {
  help = (await run(process.execPath, [LICET, 'up', '--help'])).stdout;
});

/** Options of a command line that the program does not have. */
const unknown = (args: readonly string[]): readonly string[] =>
  args
    .filter((arg) => arg.startsWith('--'))
    .filter((arg) => !help.includes(` ${arg.split('=')[0]!} `) && !help.includes(` ${arg.split('=')[0]!}\n`));

const UNIT = read('systemd/licet.service');
const values = (key: string): readonly string[] =>
  [...UNIT.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((match) => match[1]!);
const analyze = existsSync('/usr/bin/systemd-analyze');

// LOST: without systemd-analyze the unit's syntax and its hardening are not looked at.
test.skipIf(!analyze)('systemd takes the unit, and rates what it leaves open below 2 of 10', async () => {
  // The tool looks for the program: a stand-in takes its place.
  const program = join(folder, 'program');
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
  const unit = join(folder, 'licet.service');
  writeFileSync(unit, UNIT.replace('/opt/licet/bin/licet', program));
  const verified = await run('systemd-analyze', ['verify', '--man=no', unit]).catch(
    (error: { stderr: string }) => error,
  );
  expect(verified.stderr.split('\n').filter((line) => line.includes('licet.service'))).toEqual([]);
  const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', unit]);
  const exposure = /Overall exposure level for licet\.service: ([\d.]+)/.exec(stdout)?.[1];
  expect(Number(exposure)).toBeLessThan(2);
});

test("the unit's command starts a plane with the unit's environment, and ends when systemd asks it to", async () => {
  const [line] = values('ExecStart');
  const [program, ...args] = line!.split(' ');
  expect(program).toBe('/opt/licet/bin/licet');
  expect(unknown(args)).toEqual([]);
  // Folders that systemd would make (StateDirectory), under this test's instead of /var/lib; ports that are free.
  const here = (text: string): string => text.replaceAll('/var/lib/', `${folder}/`);
  const kept = values('StateDirectory')[0]!.split(' ');
  for (const name of kept) mkdirSync(join(folder, name), { mode: 0o700 });
  const environment = Object.fromEntries(
    values('Environment').map((pair) => here(pair).split('=') as [string, string]),
  );
  // Everything that is written lies in a folder that the unit has.
  for (const path of [
    environment['LICET_DATA']!,
    environment['LICET_STATE']!,
    here(args[args.indexOf('--workspace') + 1]!),
  ])
    expect(
      kept.some((name) => path === join(folder, name) || path.startsWith(`${join(folder, name)}/`)),
    ).toBe(true);
  const child = spawn(
    process.execPath,
    [LICET, ...args.map(here).map((arg) => (/^484[01]$/.test(arg) ? '0' : arg))],
    {
      cwd: '/',
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const gone = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    const said = await Promise.race([
      new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
      gone.then((code) => `ended with ${code}`),
    ]);
    const { url, state, data } = JSON.parse(said) as Readonly<Record<string, string>>;
    expect({ state, data }).toEqual({ state: 'enforcing', data: environment['LICET_DATA'] });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    child.kill(values('KillSignal')[0] as NodeJS.Signals);
    expect(await gone).toBe(0);
  } finally {
    child.kill('SIGKILL');
    await gone;
  }
}, 120_000);

test('beyond loopback the control listener needs a certificate, and speaks TLS with it', async () => {
  const at = join(folder, 'tls');
  mkdirSync(at);
  const [key, cert] = [join(at, 'tls.key'), join(at, 'tls.crt')];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ed25519',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=plane',
    '-addext',
    'subjectAltName=DNS:plane',
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  const up = (...args: readonly string[]) => {
    const where = ['--data', join(at, 'data'), '--port', '0', '--public-port', '0', '--solo', '--json'];
    const child = spawn(process.execPath, [LICET, 'up', ...where, '--listen', '127.0.0.2', ...args], {
      env: { ...process.env, LICET_STATE: join(at, 'state') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const gone = new Promise<number | null>((resolve) => child.once('close', resolve));
    const first = (input: Readable): Promise<string> =>
      new Promise((resolve) => createInterface({ input }).once('line', resolve));
    return { child, gone, line: Promise.race([first(child.stdout), first(child.stderr)]) };
  };
  const bare = up();
  expect(JSON.parse(await bare.line)).toMatchObject({ ok: false, error: { code: 'ERR_SERVER_TLS' } });
  expect(await bare.gone).toBe(1);
  const half = up('--tls-cert', cert);
  expect(JSON.parse(await half.line)).toMatchObject({ ok: false, error: { code: 'ERR_CLI_USAGE' } });
  expect(await half.gone).toBe(2);
  const plane = up('--tls-cert', cert, '--tls-key', key, '--host', 'plane:4840');
  try {
    const { url, made } = JSON.parse(await plane.line) as { readonly url: string; readonly made: boolean };
    // What was refused before has made nothing: the first start that may listen makes the plane and its policy.
    expect(made).toBe(true);
    const { port, protocol } = new URL(url);
    expect(protocol).toBe('https:');
    const status = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options = {
          host: '127.0.0.2',
          port,
          path: '/readyz',
          ca: readFileSync(cert),
          servername: 'plane',
          headers: { host },
        };
        request(options, (response) => resolve(response.resume().statusCode))
          .once('error', reject)
          .end();
      });
    // The name of the compose file and of the probes, and one that nobody gave it.
    expect(await status('plane:4840')).toBe(200);
    expect(await status(`localhost:${port}`)).toBe(200);
    expect(await status('other:4840')).toBe(403);
  } finally {
    plane.child.kill('SIGTERM');
    await plane.gone;
  }
}, 120_000);

test('the container file copies what is there, and runs the plane as nobody on a root that is not written', () => {
  const lines = read('Containerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line));
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  const one = (name: string): string =>
    last.find((line) => line.startsWith(`${name} `))!.slice(name.length + 1);
  const [uid] = one('USER').split(':');
  expect(Number(uid)).toBeGreaterThan(1_000);
  const args = JSON.parse(one('CMD')) as readonly string[];
  expect(JSON.parse(one('ENTRYPOINT'))).toEqual(['licet']);
  expect(args[0]).toBe('up');
  expect(unknown(args)).toEqual([]);
  // Data and state lie in volumes; two of them, so that neither comes back with the other.
  const volumes = JSON.parse(one('VOLUME')) as readonly string[];
  const environment = one('ENV');
  for (const name of ['LICET_DATA', 'LICET_STATE']) {
    const path = new RegExp(`${name}=(\\S+)`).exec(environment)![1]!;
    expect(volumes.filter((volume) => path === volume || path.startsWith(`${volume}/`))).toHaveLength(1);
  }
  const scripts = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object })
    .scripts;
  for (const [, script] of read('Containerfile').matchAll(/npm run (\S+)/g))
    expect(scripts).toHaveProperty(script!);
  expect(read('Containerfile')).not.toMatch(/^ADD |:latest/m);
});

interface Service {
  readonly command: readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly [field: string]: unknown;
}

test('the compose file: read-only, without capabilities, its secrets in files and its volumes named', () => {
  const file = parse(read('compose.yaml')) as {
    readonly services: { readonly plane: Service; readonly postgres: Service };
    readonly volumes: object;
    readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  };
  const { plane, postgres } = file.services;
  expect(unknown(plane.command)).toEqual([]);
  expect(plane).toMatchObject({
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
  });
  for (const { volumes = [], secrets = [] } of [plane, postgres]) {
    for (const volume of volumes) expect(file.volumes).toHaveProperty(volume.split(':')[0]!);
    for (const secret of secrets) expect(file.secrets[secret]?.file).toMatch(/^\.\/secrets\//);
  }
  // What the command reads is a secret that it is given.
  for (const path of plane.command.flatMap((arg) => /=\/run\/secrets\/(\S+)/.exec(arg)?.[1] ?? []))
    expect(plane.secrets).toContain(path);
  // Ports on the host's loopback only; a database that loses nothing it acknowledged.
  for (const port of plane['ports'] as readonly string[]) expect(port).toMatch(/^127\.0\.0\.1:/);
  expect(postgres.command).toEqual(
    expect.arrayContaining(['fsync=on', 'synchronous_commit=on', 'full_page_writes=on']),
  );
  expect(JSON.stringify(file)).not.toMatch(/"(?:POSTGRES_PASSWORD|PGPASSWORD)"/);
});

const CHART = 'helm/licet';
type Values = Readonly<Record<string, unknown>>;
interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, never>>;
}

function rendered(values: Values): readonly Resource[] {
  const all = { ...(parse(read(`${CHART}/values.yaml`)) as Values), ...values };
  return readdirSync(join(DEPLOY, CHART, 'templates')).flatMap((name) => {
    const text = render(read(`${CHART}/templates/${name}`), {
      Values: all,
      Release: { Name: 'plane', Namespace: 'agents' },
    });
    return parseAllDocuments(text).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as Resource;
    });
  });
}

test.each([
  ['as it comes', {}],
  [
    'with PostgreSQL, further names, storage and callers of its own, nothing public',
    {
      store: { secretName: 'db' },
      hosts: ['licet.example:443'],
      storage: { className: 'fast', size: '1Gi', stateSize: '1Gi' },
      callers: { matchLabels: { agents: 'yes' } },
      public: { enabled: false },
      solo: true,
    },
  ],
])('the chart renders %s: names, ports, volumes and selectors meet', (_, given) => {
  const resources = rendered(given);
  const of = (kind: string): readonly Resource[] => resources.filter((one) => one.kind === kind);
  const [set] = of('StatefulSet') as unknown as readonly [
    {
      spec: {
        replicas: number;
        selector: { matchLabels: object };
        template: {
          metadata: { labels: object };
          spec: {
            securityContext: object;
            containers: readonly [
              Values & {
                args: readonly string[];
                ports: readonly { name: string }[];
                volumeMounts: readonly { name: string }[];
              },
            ];
            volumes: readonly { name: string }[];
          };
        };
        volumeClaimTemplates: readonly { metadata: { name: string } }[];
      };
    },
  ];
  const { template, selector, volumeClaimTemplates, replicas } = set.spec;
  const [plane] = template.spec.containers;
  expect(replicas).toBe(1);
  expect(unknown(plane.args)).toEqual([]);
  expect(template.metadata.labels).toMatchObject(selector.matchLabels);
  expect(template.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001 });
  expect(plane['securityContext']).toMatchObject({
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
  });
  const volumes = [
    ...template.spec.volumes.map(({ name }) => name),
    ...volumeClaimTemplates.map(({ metadata }) => metadata.name),
  ];
  expect(plane.volumeMounts.map(({ name }) => name).toSorted()).toEqual(volumes.toSorted());
  const ports = plane.ports.map(({ name }) => name);
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
    expect(plane[probe]).toMatchObject({ httpGet: { port: 'control', scheme: 'HTTPS' } });
  const services = of('Service') as unknown as readonly {
    metadata: { name: string };
    spec: { selector: object; ports: readonly { targetPort: string; port: number }[] };
  }[];
  for (const { metadata, spec } of services) {
    expect(spec.selector).toEqual(selector.matchLabels);
    for (const { targetPort, port } of spec.ports) {
      expect(ports).toContain(targetPort);
      // The plane answers only to names it was given: a service's own must be one of them.
      expect(plane.args).toContain(`--host=${metadata.name}.agents.svc:${port}`);
    }
  }
  const egress = (of('NetworkPolicy')[0]!.spec as { readonly egress?: readonly unknown[] }).egress;
  expect(egress).toHaveLength('store' in given ? 1 : 0);
  expect(services).toHaveLength('public' in given ? 1 : 2);
});

test('the renderer of this test knows what it renders, and refuses what it does not', () => {
  const scope = { Values: { on: true, off: {}, list: ['a', 'b'], map: { x: 1 } }, Release: { Name: 'r' } };
  expect(
    render('a: {{ .Release.Name }}\n{{- if .Values.on }}\nb: 1\n{{- else }}\nc: 1\n{{- end }}\n', scope),
  ).toBe('a: r\nb: 1\n');
  expect(render('{{ if .Values.off }}x{{ else }}y{{ end }}', scope)).toBe('y');
  expect(render('{{ range .Values.list }}-{{ . }}{{ end }}', scope)).toBe('-a-b');
  expect(render('m:{{ toYaml .Values.map | nindent 2 }}', scope)).toBe('m:\n  x: 1');
  for (const wrong of ['{{ include "x" . }}', '{{ .Values.missing }}', '{{ if .Values.on }}', '{{ end }}'])
    expect(() => render(wrong, scope)).toThrow();
});
