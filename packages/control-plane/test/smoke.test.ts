import { expect, test } from 'vitest';
import { aWorld, word } from './support.ts';
test('smoke', async () => {
  const w = await aWorld();
  const p = await w.permitted();
  expect(word(await w.redeem(p))).toBe('started');
  expect(word(await w.renew(p))).toBe('renewed');
  expect(word(await w.report(p))).toBe('done');
  const h = await w.held();
  console.log(JSON.stringify((await w.row(h.exec)).hold));
  console.log(word(await w.approve(h.exec, h.hold, 'finance', 'finance-1')));
  console.log(
    word(await w.decide({ action: 'files/move_file' })),
    (await w.row(h.exec)).state,
    (await w.row(h.exec)).hold!.leaf === h.hold,
  );
  console.log(word(await w.approve(h.exec, (await w.row(h.exec)).hold!.leaf, 'legal', 'legal-1')));
  console.log(word(await w.decide({ action: 'files/move_file' })));
});
