// The file that a command executes: opened once, recognised, hashed (RULES 29). Plain JavaScript because the guardian
// repeats the measurement in its last step before execution; `image.d.mts` beside it holds the types.
//
// Only files are accepted that the kernel itself can start. A text file without `#!` is not one of them: the C
// library's execvp would quietly hand it to /bin/sh, and no shell ever runs here.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const MAX_INTERPRETERS = 4;
const MACH_O = new Set([0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe]);

export function openImage(path) {
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new ImageRefusal(`${path} is not a regular file`);
    if ((stat.mode & 0o111) === 0) throw new ImageRefusal(`${path} has no execute permission`);
    return { file, form: formOf(file, path, 0), digest: hash(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** The file is there but is not something to execute. */
export class ImageRefusal extends Error {}

function formOf(file, path, depth) {
  const head = Buffer.alloc(256);
  const length = readSync(file, head, 0, head.length, 0);
  const magic = length >= 4 ? head.readUInt32BE(0) : 0;
  if (magic === 0x7f454c46) return 'elf';
  if (MACH_O.has(magic)) return 'mach-o';
  if (head.toString('latin1', 0, 2) !== '#!') {
    throw new ImageRefusal(`${path} is neither a program for this system nor a script with a #! line`);
  }
  if (depth >= MAX_INTERPRETERS) throw new ImageRefusal(`${path} is a script of a script of a script`);
  const line = head.toString('utf8', 2, length).split('\n', 1)[0] ?? '';
  const interpreter = line.trim().split(/[ \t]/, 1)[0] ?? '';
  if (!interpreter.startsWith('/')) throw new ImageRefusal(`${path} names no absolute interpreter`);
  const next = openSync(interpreter, 'r');
  try {
    formOf(next, interpreter, depth + 1);
  } finally {
    closeSync(next);
  }
  return 'script';
}

function hash(file) {
  const sum = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  let position = 0;
  for (;;) {
    const read = readSync(file, buffer, 0, buffer.length, position);
    if (read === 0) return sum.digest('base64url');
    sum.update(buffer.subarray(0, read));
    position += read;
  }
}
