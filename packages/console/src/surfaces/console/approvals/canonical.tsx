/** Exact arguments as text, whole, and whether they were seen to their end. */
import { useEffect, useRef } from 'react';
import type { ExecutionView } from '@licet/api';
import { Untrusted } from '../../../components/untrusted.tsx';
import css from '../console.module.css';

/** Returns the arguments as indented JSON with sorted names; undefined when they are withheld or erased. */
export function canonicalText({ arguments: args }: ExecutionView): string | undefined {
  return args === undefined || args === 'erased'
    ? undefined
    : JSON.stringify(args, Object.keys(flatKeys(args)).sort(), 2);
}

/** Every key at any depth, so that `JSON.stringify` sorts all levels. */
function flatKeys(value: unknown, found: Record<string, true> = {}): Record<string, true> {
  if (Array.isArray(value)) for (const inner of value) flatKeys(inner, found);
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) {
      found[name] = true;
      flatKeys(inner, found);
    }
  return found;
}

/** Says when its text has been seen to the end: at once when it fits. */
export function ReadToEnd({
  text,
  label = 'Arguments, to be read to the end',
  onEnd,
}: {
  readonly text: string;
  readonly label?: string;
  onEnd(read: boolean): void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const look = (): void => {
    const { current } = box;
    if (current !== null && current.scrollTop + current.clientHeight >= current.scrollHeight - 4) onEnd(true);
  };
  useEffect(() => {
    onEnd(false);
    look();
  }, [text]);
  return (
    <div ref={box} className={css['canonical']} tabIndex={0} role="region" aria-label={label} onScroll={look}>
      <pre>
        <Whole text={text} />
      </pre>
    </div>
  );
}

/** All of it: what is approved must not be cut short. */
function Whole({ text }: { readonly text: string }) {
  const parts = text.match(/[^]{1,4000}/gu) ?? [''];
  return (
    <>
      {parts.map((part, at) => (
        <Untrusted key={at}>{part}</Untrusted>
      ))}
    </>
  );
}
