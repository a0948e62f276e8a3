/**
 * The user's state folder and trust store (DESIGN §5): `$LICET_STATE`, else `$XDG_STATE_HOME/licet`, else
 * `~/.local/state/licet`. Never under a data folder: whoever can write there must not choose whom we believe.
 */
import { ENV_PREFIX, NAME, parseTrust, type Trust } from '@licet/evidence';
import { PlaneError } from './problems.ts';

/** File name of the trust store inside the state folder. */
export const TRUST_FILE = 'trust.json';

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the state folder of this user. @throws PlaneError `unreachable` where there is no home folder */
export function stateFolder(env: Environment = process.env): string {
  const own = env[`${ENV_PREFIX}STATE`];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_STATE_HOME'];
  if (xdg !== undefined && xdg.startsWith('/')) return `${xdg}/${NAME}`;
  const home = env['HOME'] ?? env['USERPROFILE'];
  if (home === undefined || home === '')
    throw new PlaneError('unreachable', `set ${ENV_PREFIX}STATE: there is no home folder`);
  return `${home}/.local/state/${NAME}`;
}

/**
 * Returns what the trust store says.
 * @throws PlaneError `garbled` when it is missing or cannot be read: nobody is believed by default
 */
export async function readTrustStore(folder: string = stateFolder()): Promise<Trust> {
  const fs = process.getBuiltinModule('node:fs/promises');
  try {
    return parseTrust(await fs.readFile(`${folder}/${TRUST_FILE}`));
  } catch (cause) {
    throw new PlaneError('garbled', `no trust store at ${folder}/${TRUST_FILE}`, { cause });
  }
}
