/** A person's roles and groups, and a way to change them: governed, in the log, and said beforehand what it ends. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { IdentityView, OperatorAnswer } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { post } from '../../data/call.ts';
import { useMissing, useSession, type Role } from '../../data/session.ts';
import { OperatorResult } from './operate.tsx';
import css from './console.module.css';

/** Each role: what it may, and what ends with it. */
const ROLES: readonly (readonly [role: Role, may: string, ends: string])[] = [
  ['viewer', 'reads decisions, without arguments', 'It reads nothing more from its next call on.'],
  [
    'approver',
    'answers what waits for its groups',
    'What it approved and has not started yet counts no longer; nor do its standing approvals.',
  ],
  ['operator', 'contains, lifts, registers, revokes', 'It can no longer contain, lift, register or revoke.'],
  ['author', 'publishes policy', 'It can no longer publish policy.'],
  ['auditor', 'reads everything, arguments too', 'It opens no arguments and no evidence any more.'],
];

interface Draft {
  readonly roles: readonly string[];
  readonly groups: string;
}

export function Roles({ of }: { readonly of: IdentityView }) {
  const client = useQueryClient();
  const session = useSession();
  const missing = useMissing('operator');
  const [draft, setDraft] = useState<Draft>();
  const { roles, groups } = draft ?? { roles: of.roles, groups: of.groups.join(', ') };
  const named = [...new Set(groups.split(',').map((one) => one.trim()))].filter((one) => one !== '');
  const change = useMutation({
    mutationFn: () =>
      post<OperatorAnswer>(`/v1/identities/${encodeURIComponent(of.subject)}/update`, {
        roles,
        groups: named,
      }),
    // Until the plane says otherwise the form shows what was asked for; then it shows what is.
    onSuccess: async ({ verdict }) => {
      await client.invalidateQueries();
      if (verdict === 'done') setDraft(undefined);
    },
  });
  const same = (a: readonly string[], b: readonly string[]): boolean =>
    a.length === b.length && a.every((one) => b.includes(one));
  const unchanged = same(roles, of.roles) && same(named, of.groups);
  const lost = ROLES.filter(([role]) => of.roles.includes(role) && !roles.includes(role));
  const left = of.groups.filter((group) => !named.includes(group));
  const own = session.kind === 'person' && session.subject === of.subject;
  return (
    <Panel title="Roles">
      <form
        className={css['form']}
        onSubmit={(event) => {
          event.preventDefault();
        }}
      >
        <fieldset className={css['checks']}>
          <legend className="sr">Roles of this person</legend>
          {ROLES.map(([role, may]) => (
            <label key={role}>
              <input
                type="checkbox"
                checked={roles.includes(role)}
                disabled={missing !== undefined || of.revoked}
                onChange={({ target }) =>
                  setDraft({
                    groups,
                    roles: target.checked ? [...roles, role] : roles.filter((one) => one !== role),
                  })
                }
              />
              <span>
                {role} <span className="muted">{may}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <label>
          <span>Groups in whose name it approves, with commas</span>
          <input
            value={groups}
            autoComplete="off"
            spellCheck={false}
            disabled={missing !== undefined || of.revoked}
            onChange={({ target }) => setDraft({ roles, groups: target.value })}
          />
        </label>
        {(lost.length > 0 || left.length > 0) && (
          <Note tone="hold">
            <ul aria-label="What this change ends">
              {lost.map(([role, , ends]) => (
                <li key={role}>{ends}</li>
              ))}
              {left.length > 0 && <li>It no longer approves in the name of {left.join(', ')}.</li>}
              {own && lost.some(([role]) => role === 'operator') && (
                <li>This is you: you cannot give yourself the role back.</li>
              )}
            </ul>
          </Note>
        )}
        <div>
          <Button
            busy={change.isPending}
            because={
              missing ??
              (of.revoked ? 'This identity is revoked.' : unchanged ? 'Nothing is changed.' : undefined)
            }
            onPress={() => change.mutate()}
          >
            Change roles
          </Button>
        </div>
        <OperatorResult answer={change.data} error={change.error} done="The roles are changed." />
      </form>
    </Panel>
  );
}
