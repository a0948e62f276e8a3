/** A plane in a process of its own, without the command line: prints one line with its addresses, ends on SIGTERM. */
import { openPlane } from '@licet/server';

const [data, workspace] = process.argv.slice(2);
if (data === undefined || workspace === undefined) throw new Error('usage: serve.ts DATA WORKSPACE');
const plane = await openPlane({ data, workspace, controlPort: 0, publicPort: 0, solo: true });
process.stdout.write(`${JSON.stringify({ url: plane.url, publicUrl: plane.publicUrl })}\n`);
process.once('SIGTERM', () => void plane.close().then(() => process.exit(0)));
