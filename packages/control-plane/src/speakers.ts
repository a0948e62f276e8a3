// Speakers: reads what says for whom a key speaks, so that it can be asked of a snapshot.
import type { Snapshot } from './snapshot.ts';

/** Reads a key, its identity, and all that these hang on. Returns whose key it is or was; undefined when unknown. */
export async function loadSpeaker(snapshot: Snapshot, jkt: string): Promise<string | undefined> {
  await snapshot.load([{ kind: 'key', id: jkt }]);
  const key = snapshot.get('key', jkt);
  if (key === undefined) return undefined;
  const people = key.behalf === undefined ? [key.subject] : [key.subject, key.behalf.subject];
  await loadPeople(snapshot, people);
  const issuers = [key.vouched?.issuer, key.behalf?.issuer].flatMap((issuer) => issuer ?? []);
  await loadPeople(snapshot, issuers);
  return key.subject;
}

/** Reads identities, and the issuers that enrolled them. */
export async function loadPeople(snapshot: Snapshot, subjects: readonly string[]): Promise<void> {
  await snapshot.load(subjects.map((id) => ({ kind: 'identity', id })));
  const issuers = subjects.flatMap((id) => snapshot.get('identity', id)?.issuer ?? []);
  await snapshot.load(issuers.map((id) => ({ kind: 'identity', id })));
}
