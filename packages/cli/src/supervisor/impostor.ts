// Somebody between agent and plane who wants to be believed: takes a real permit and signs its checkpoint himself.
import { base64, unbase64 } from '@licet/evidence';
import type { Answer, PlaneClient, ProvenEntry } from '@licet/api';
import { between } from './between.ts';

/** Returns the plane as seen through a forger: every permit comes with signatures that he made up. */
export function impostor(plane: PlaneClient): PlaneClient {
  return between(plane, {
    async request(...words): Promise<Answer> {
      const answer = await plane.request(...words);
      return answer.verdict === 'allow'
        ? {
            ...answer,
            permit: forge(answer.permit),
            ...(answer.start === undefined ? {} : { start: forge(answer.start) }),
          }
        : answer;
    },
  });
}

/** Replaces every signature by one of the same length and key id, made without the key. */
function forge({ entry, proof }: ProvenEntry): ProvenEntry {
  const lines = proof.split('\n').map((line) => {
    const match = /^— (\S+) (\S+)$/.exec(line);
    if (match === null) return line;
    const bytes = unbase64(match[2]!);
    const made = crypto.getRandomValues(new Uint8Array(bytes.length));
    made.set(bytes.subarray(0, 4));
    return `— ${match[1]} ${base64(made)}`;
  });
  return { entry, proof: lines.join('\n') };
}
