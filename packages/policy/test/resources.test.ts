/** Goal: rule 13's lexical half. Every text that two readers could take for two things is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveResource, type ResourceKind } from '../src/index.ts';

const refused = (kind: ResourceKind, value: string) => 'deny' in resolveResource(kind, value);
const ids = (kind: ResourceKind, value: string, type?: string) => {
  const found = resolveResource(kind, value, type === undefined ? {} : { type });
  if ('deny' in found) throw new Error(found.detail);
  return [found.id, ...found.ancestors.map((uid) => `${uid.type} ${uid.id}`)];
};

describe('rule 13: paths', () => {
  it('yield themselves and every folder above', () => {
    expect(ids('path', '/workspace/a/b.txt')).toEqual([
      '/workspace/a/b.txt',
      'Folder /workspace/a',
      'Folder /workspace',
      'Folder /',
    ]);
    expect(ids('path', '/')).toEqual(['/']);
  });

  it('called a file are inside the folder of the same name, so that moving a folder as a file slips past nothing', () => {
    expect(ids('path', '/w/secret', 'File')).toContain('Folder /w/secret');
  });

  for (const value of [
    '',
    'a.txt',
    './a',
    '~/a',
    '/a/../b',
    '/..',
    '/a/./b',
    '/a//b',
    '//a',
    '/a/%2e%2e/b',
    '/a\u0000b',
    '/a\\b',
    '/a\nb',
    '/a\u202eb',
    '/a\u200bb',
    '/a/e\u0301',
    '/a/b.',
    '/a/b ',
    '/a/ b',
    '/a/...',
    '/a//',
    '/\ud800',
    `/${'a'.repeat(5_000)}`,
    '/a'.repeat(60),
    'C:/a',
    '/a\u2028b',
  ])
    it(`refuse ${JSON.stringify(value.slice(0, 40))}`, () => expect(refused('path', value)).toBe(true));

  it('lose one trailing slash, and the executor gets the form without it', () => {
    expect(resolveResource('path', '/workspace/')).toMatchObject({ id: '/workspace', value: '/workspace' });
  });

  it('may be relative only where the bundle names the folder they are meant from', () => {
    expect(resolveResource('path', 'a.txt', { base: '/w' })).toMatchObject({
      id: '/w/a.txt',
      value: '/w/a.txt',
    });
    expect(resolveResource('path', '../a', { base: '/w' })).toMatchObject({ deny: 'not_canonical' });
    expect(resolveResource('path', '', { base: '/w' })).toMatchObject({ deny: 'not_canonical' });
  });

  it('that are accepted never climb, for any text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', '.', '..', '/', '%2e', '\\', ' ', 'é', '\u0000')),
        (parts) => {
          const found = resolveResource('path', `/w/${parts.join('')}`);
          if ('deny' in found) return;
          expect(found.id.split('/').slice(1)).not.toContain('..');
          expect(found.ancestors.map(({ id }) => id)).toContain('/');
        },
      ),
    );
  });
});

describe('rule 13: URLs', () => {
  it('yield prefixes, then the host with its port, then every domain above', () => {
    expect(ids('url', 'https://api.example.com/v1/pay?x=1')).toEqual([
      'https://api.example.com/v1/pay?x=1',
      'Url https://api.example.com/v1/pay',
      'Url https://api.example.com/v1/',
      'Url https://api.example.com/',
      'Host api.example.com:443',
      'Host api.example.com',
      'Host example.com',
      'Host com',
    ]);
    expect(ids('url', 'https://example.com')[0]).toBe('https://example.com/');
    expect(ids('url', 'http://[::1]:8080/a')).toEqual([
      'http://[::1]:8080/a',
      'Url http://[::1]:8080/',
      'Host [::1]:8080',
      'Host [::1]',
    ]);
  });

  for (const value of [
    'ftp://h/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://u@h/',
    'https://u:p@h/',
    'https://h:443/',
    'http://h:80/',
    'https://H/',
    'HTTPS://h/',
    'https://h/a/../b',
    'https://h/%2e%2e/b',
    'https://h/a//b',
    'https://h\\a',
    'https://h/a\\b',
    'https://h/#x',
    'https://2130706433/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://1.2.3.4.5/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[64:ff9b::1]/',
    'https://[::7f00:1]/',
    'https://exämple.com/',
    'https://example.com./',
    'https://h_x/',
    'https://-h/',
    'https:///a',
    'https://h/ä',
    'https://h/a b',
    'https://h/?q=%',
    'https://h:99999/',
    'https://h:/',
    'https://a..b/',
    ' https://h/',
    'https://h/\u202e',
  ])
    it(`refuse ${value}`, () => expect(refused('url', value)).toBe(true));

  it('that are accepted are read back unchanged by the URL parser', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (value) => {
        const found = resolveResource('url', value);
        if (!('deny' in found)) expect(new URL(found.id).href).toBe(found.id);
      }),
    );
  });
});

it('rule 13: hosts and accounts have one form', () => {
  expect(ids('host', 'db.example.com:5432')).toEqual([
    'db.example.com:5432',
    'Host db.example.com',
    'Host example.com',
    'Host com',
  ]);
  for (const value of ['DB', 'a b', '127.1', '0x1', 'h:0', 'h:', '', '[::FFFF:1.2.3.4]'])
    expect(refused('host', value)).toBe(true);
  expect(ids('account', 'DE89370400440532013000')).toEqual(['DE89370400440532013000']);
  for (const value of ['', ' a', 'a/b', 'é', 'a\n']) expect(refused('account', value)).toBe(true);
});
