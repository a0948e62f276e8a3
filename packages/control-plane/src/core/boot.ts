// Boot: a store is opened for writing (RULE 7). The first time, genesis comes before everything else.
import type { BootCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import { appendIdentity } from './identities.ts';
import { SELF } from './rows.ts';
import type { Transition } from './transition.ts';

/** Whoever ran `init`: before genesis there is nobody to name. */
const FOUNDER = 'founder';

/** Applies a `boot` command. */
export function boot(draft: Draft, command: BootCommand): Transition {
  const { custody, genesis } = command;
  if (draft.get('plane', SELF) === undefined) {
    if (genesis === undefined) return draft.reply({ kind: 'conflict', code: 'no_genesis' });
    const { origin, tenant, logKey, people, org, prev, keys, identities } = genesis;
    draft.append(
      'genesis',
      {
        logKey,
        created: draft.nowMs,
        custody,
        public: genesis.public,
        people,
        ...(org === undefined ? {} : { org }),
        ...(prev === undefined ? {} : { prev }),
      },
      { as: { origin, tenant } },
    );
    for (const { purpose, key } of keys) draft.append('key', { op: 'add', purpose, key, by: FOUNDER });
    for (const identity of identities) appendIdentity(draft, identity, FOUNDER);
  }
  const { incarnation, version, operatorPolicy } = command;
  draft.append('boot', { incarnation, version, custody, operatorPolicy });
  return draft.reply({ kind: 'booted', incarnation });
}
