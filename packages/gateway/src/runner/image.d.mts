// Types of image.mjs (see its head): the file that a command executes.

/** An executable file, open for reading; the caller closes `file`. `digest` is base64url SHA-256 of its bytes. */
export interface Image {
  readonly file: number;
  readonly form: 'elf' | 'mach-o' | 'script';
  readonly digest: string;
}

/** The file is there but is not something to execute. */
export class ImageRefusal extends Error {}

/** Opens, recognises and hashes an executable. Throws `ImageRefusal`, or the system's error (ENOENT, EACCES …). */
export function openImage(path: string): Image;
