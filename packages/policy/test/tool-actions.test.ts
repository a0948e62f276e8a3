/** Goal: the tools of any server become actions that a bundle may hold, and what cannot is named, not lost. */
import { expect, it } from 'vitest';
import { assembleBundle, loadBundle, starterPolicy, toolActions } from '../src/index.ts';
import { engine } from './support.ts';

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more }) as never;
const text = { type: 'string' };

it('every tool is an action of its server, besides reading resources and getting prompts', () => {
  const { actions, skipped } = toolActions('mail', [
    { name: 'send', inputSchema: object({ to: text, body: text }, { required: ['to'] }) },
    { name: 'list', inputSchema: object({}) },
  ]);
  expect(skipped).toEqual([]);
  expect(Object.keys(actions).toSorted()).toEqual([
    'mail/list',
    'mail/prompts.get',
    'mail/resources.read',
    'mail/send',
  ]);
});

it('what policies could not see is marked opaque, so that it does not deny the call', () => {
  const { actions } = toolActions('mail', [
    {
      name: 'send',
      inputSchema: object({ to: text, parts: { type: 'array', items: {} }, meta: { anyOf: [text, {}] } }),
    },
  ]);
  expect(actions['mail/send']!.opaque).toEqual(['meta', 'parts']);
});

it('the actions load with the observing starter', () => {
  const { actions } = toolActions('mail', [{ name: 'send', inputSchema: object({ to: text }) }]);
  const bundle = assembleBundle(starterPolicy({ workspace: '/workspace', observe: true, actions }));
  const loaded = loadBundle(engine, { team: bundle });
  expect(loaded.observing).toBe(true);
  expect(loaded.actions.has('mail/send')).toBe(true);
});

it('a tool that cannot be an action is named with the reason', () => {
  const { actions, skipped } = toolActions('mail', [
    { name: 'a b', inputSchema: object({}) },
    { name: 'none' },
    { name: 'list', inputSchema: { type: 'array' } },
    { name: 'broken', inputSchema: object({ x: { type: 'nothing' } }) },
    { name: 'prompts.get', inputSchema: object({}) },
    { name: 'twice', inputSchema: object({}) },
    { name: 'twice', inputSchema: object({}) },
  ]);
  expect(Object.keys(actions)).toContain('mail/twice');
  expect(skipped.map(({ name }) => name)).toEqual(['a b', 'none', 'list', 'broken', 'prompts.get', 'twice']);
});
