// `npm run docs`: writes the pages that are made from code, and the tables that are made from the newest measurement.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePage } from '../bench/page.ts';
import { errorPage } from './error-page.ts';

writeFileSync(join(import.meta.dirname, '..', 'docs', 'ERRORS.md'), errorPage());
await writePage();
console.log('docs/ERRORS.md, and the tables and the plot of docs/BENCHMARKS.md, are written.');
