/**
 * Quorums (docs/formats/entries.md, "refusal"; RULE 22): when enough different people have approved. Plane and verifier
 * count in the same way.
 */

/** Who approved: a subject and the groups it is a member of. */
export interface Approver {
  readonly subject: string;
  readonly groups: readonly string[];
}

/** Returns how many of these people count: each once, and where groups must be apart, each for another one of them. */
export function quorumOf(people: readonly Approver[], apart?: readonly string[]): number {
  const distinct = [...new Map(people.map((one) => [one.subject, one])).values()];
  if (apart === undefined) return distinct.length;
  // A matching of people to groups (Kuhn): whoever finds all of theirs taken makes a holder move to another.
  const holders = new Map<string, Approver>();
  const place = (person: Approver, tried: Set<string>): boolean => {
    for (const group of person.groups) {
      if (!apart.includes(group) || tried.has(group)) continue;
      tried.add(group);
      const holder = holders.get(group);
      if (holder !== undefined && !place(holder, tried)) continue;
      holders.set(group, person);
      return true;
    }
    return false;
  };
  return distinct.filter((person) => place(person, new Set())).length;
}
