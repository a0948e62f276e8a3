// The programs that some tests drive and that do not come from npm: which are there, and on Debian as root how
// to get them. A test that needs a missing one skips itself and says so; nothing is lost in silence.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const paths = (process.env.PATH ?? '').split(':');
const onPath = (...names) => names.some((name) => paths.some((folder) => existsSync(`${folder}/${name}`)));

/** Debian keeps the server out of the PATH, one folder per major version. */
function hasPostgres() {
  if (onPath('postgres')) return true;
  const root = '/usr/lib/postgresql';
  return (
    existsSync(root) && readdirSync(root).some((version) => existsSync(`${root}/${version}/bin/postgres`))
  );
}

const TOOLS = [
  {
    name: 'chromium',
    package: 'chromium',
    isThere: () =>
      process.env.LICET_CHROMIUM !== undefined || onPath('chromium', 'chromium-browser', 'google-chrome'),
    lost: 'the tests that verify in a real browser',
  },
  {
    name: 'postgresql',
    package: 'postgresql',
    isThere: hasPostgres,
    lost: 'the tests of the PostgreSQL store',
  },
  {
    name: 'nginx',
    package: 'nginx-light',
    isThere: () => onPath('nginx') || existsSync('/usr/sbin/nginx'),
    lost: 'the tests of forward-auth behind nginx',
  },
  {
    name: 'caddy',
    package: 'caddy',
    isThere: () => onPath('caddy'),
    lost: 'the tests of forward-auth behind Caddy',
  },
];

const say = (line) => process.stderr.write(`${line}\n`);

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 2], env, timeout: 240_000 }).status === 0;
}

/**
 * Installs what is missing where that can be done without asking anybody; elsewhere says what to install and what
 * is lost without it. Never fails: a missing tool is a skipped test with a reason, not a broken run.
 */
export function provideTools() {
  let missing = TOOLS.filter((tool) => !tool.isThere());
  const mayInstall =
    process.getuid?.() === 0 && existsSync('/etc/debian_version') && process.env.LICET_APT !== '0';
  if (missing.length > 0 && mayInstall) {
    say(
      `Installing ${missing.map((tool) => tool.package).join(', ')} by apt-get (LICET_APT=0 leaves this out) …`,
    );
    apt(['update', '-qq']);
    // One by one: a package that this release does not have must not cost the others.
    for (const tool of missing) apt(['install', '-y', '-qq', '--no-install-recommends', tool.package]);
    missing = missing.filter((tool) => !tool.isThere());
  }
  for (const tool of missing) {
    say(
      `${tool.name} is not installed (Debian package: ${tool.package}). Without it are skipped: ${tool.lost}.`,
    );
  }
}
