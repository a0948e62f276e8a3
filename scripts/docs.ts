// `npm run docs`: writes the pages that are made from code.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorPage } from './error-page.ts';

writeFileSync(join(import.meta.dirname, '..', 'docs', 'ERRORS.md'), errorPage());
console.log('docs/ERRORS.md is written.');
