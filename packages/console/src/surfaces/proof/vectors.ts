/**
 * The published vectors (`vectors/evidence`): one good file and forged ones, each with the rungs that must fail. They
 * come with a trust file of their own, made for the vectors; it says nothing about any real log.
 */
declare global {
  interface ImportMeta {
    glob<T>(
      pattern: string,
      options: { readonly eager: true; readonly import: 'default' },
    ): Readonly<Record<string, T>>;
  }
}

interface VectorFile {
  readonly title: string;
  readonly input: { readonly file: string; readonly trust: string | null };
  readonly expected: { readonly exit: number; readonly rungs: Readonly<Record<string, string>> };
}

/** One sample. */
export interface Sample {
  /** The name of the vector. */
  readonly name: string;
  readonly title: string;
  readonly file: string;
  readonly trust: string | undefined;
  readonly exit: number;
  /** Rungs that must fail, in words of the verifier. */
  readonly failing: readonly string[];
}

const files = import.meta.glob<VectorFile>('../../../../../vectors/evidence/*.json', {
  eager: true,
  import: 'default',
});

/** All samples, the forged ones named by what fails first. */
export const SAMPLES: readonly Sample[] = Object.entries(files).map(([path, { title, input, expected }]) => ({
  name: path.slice(path.lastIndexOf('/') + 1, -'.json'.length),
  title,
  file: input.file,
  trust: input.trust ?? undefined,
  exit: expected.exit,
  failing: Object.entries(expected.rungs).flatMap(([rung, status]) => (status === 'fail' ? [rung] : [])),
}));
export const GOOD: Sample = SAMPLES.find(({ name }) => name === 'good')!;
/** Files that must not verify. */
export const FORGED: readonly Sample[] = SAMPLES.filter(({ exit }) => exit === 4);
