/**
 * Lexical resolvers: from the text of an argument to the one canonical entity it names, with its ancestors
 * (RULE 13). What needs the host of the effect, links and DNS, is a port elsewhere; what is written in any
 * other than the canonical form is refused here, because the executor and the policy would read it differently.
 */
import type { Uid } from './cedar.ts';

/** What a mapped argument is. */
export const RESOURCE_KINDS = ['path', 'url', 'host', 'account', 'program'] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** The entity types each kind may be mapped to. */
export const TYPES_OF_KIND: Readonly<Record<ResourceKind, readonly string[]>> = {
  path: ['File', 'Folder'],
  url: ['Url'],
  host: ['Host'],
  account: ['Account'],
  program: ['Program'],
};

/** How an argument is mapped. */
export interface ResolveOptions {
  /** Entity type of the resource; one of {@link TYPES_OF_KIND}. Default: the last of its kind. */
  readonly type?: string;
  /** For paths: the absolute folder that relative values are meant from. Without it they are refused. */
  readonly base?: string;
  /** For URLs: accepted schemes. Default https and http. */
  readonly schemes?: readonly string[];
}

/** A resolved resource. `value` is what the executor must be given; ancestors are nearest first, a chain. */
export interface ResolvedResource {
  readonly id: string;
  readonly type: string;
  readonly ancestors: readonly Uid[];
  readonly value: string;
}

export interface ResourceDenial {
  readonly deny: 'not_canonical';
  readonly detail: string;
}

const MAX_PATH = 4_096;
const MAX_DEPTH = 48;
const MAX_URL = 4_096;
/** Control, format (bidi, zero-width), surrogate, private and unassigned characters, and line separators. */
const UNUSUAL = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Returns the canonical resource a text names, or a denial. Never throws. */
export function resolveResource(
  kind: ResourceKind,
  value: string,
  options: ResolveOptions = {},
): ResolvedResource | ResourceDenial {
  switch (kind) {
    case 'path':
      return resolvePath(value, options);
    case 'url':
      return resolveUrl(value, options);
    case 'host':
      return resolveHost(value);
    case 'account':
      return /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/.test(value)
        ? { id: value, type: 'Account', ancestors: [], value }
        : denied('an account is 1 to 128 letters, digits and ._:@+-');
    case 'program': {
      const path = resolvePath(value, {});
      if ('deny' in path) return path;
      // Programs have no folder as ancestor: a permit for a folder must not cover what is executed from it.
      return { id: path.id, type: 'Program', ancestors: [], value: path.value };
    }
    default:
      return kind satisfies never;
  }
}

/** Returns the uids of every folder from `path` itself up to the root. `path` must be canonical. */
function foldersFrom(path: string): Uid[] {
  const folders: Uid[] = [];
  let at = path;
  for (;;) {
    folders.push({ type: 'Folder', id: at });
    if (at === '/') return folders;
    const slash = at.lastIndexOf('/');
    at = slash === 0 ? '/' : at.slice(0, slash);
  }
}

function resolvePath(value: string, options: ResolveOptions): ResolvedResource | ResourceDenial {
  let path = value;
  if (!path.startsWith('/')) {
    if (options.base === undefined || path === '') return denied('the path is not absolute');
    path = `${options.base === '/' ? '' : options.base}/${path}`;
  }
  // One trailing slash means the folder itself; the executor gets the form without it.
  if (path.length > 1 && path.endsWith('/')) path = path.slice(0, -1);
  const fault = pathFault(path);
  if (fault !== undefined) return denied(fault);
  const folders = foldersFrom(path);
  // A path is inside the folder of the same name even when a tool calls it a file: otherwise moving or
  // renaming the folder /workspace/secret as a "file" would slip past `forbid … in Folder::"/workspace/secret"`.
  return (options.type ?? 'Folder') === 'File'
    ? { id: path, type: 'File', ancestors: folders, value: path }
    : { id: path, type: 'Folder', ancestors: folders.slice(1), value: path };
}

/** Returns why a path is not canonical, or undefined. */
export function pathFault(path: string): string | undefined {
  if (path.length > MAX_PATH) return `the path is longer than ${MAX_PATH} characters`;
  if (!path.startsWith('/')) return 'the path is not absolute';
  if (path === '/') return undefined;
  if (/[\\%]/.test(path)) return 'the path holds a backslash or a percent sign';
  if (UNUSUAL.test(path)) return 'the path holds a control, bidirectional or unassigned character';
  // Some file systems fold different code points into one name.
  if (path.normalize('NFC') !== path) return 'the path is not in Unicode form NFC';
  const parts = path.slice(1).split('/');
  if (parts.length > MAX_DEPTH) return `the path is deeper than ${MAX_DEPTH}`;
  for (const part of parts) {
    if (part === '') return 'the path holds "//" or ends in a slash';
    if (part === '.' || part === '..') return 'the path holds "." or ".."';
    // Windows and some network shares drop them: "secret." and "secret " open "secret".
    if (part.endsWith('.') || part.endsWith(' ') || part.startsWith(' '))
      return 'a name in the path begins or ends with a space, or ends with a dot';
  }
  return undefined;
}

const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?$/;

function resolveUrl(value: string, options: ResolveOptions): ResolvedResource | ResourceDenial {
  if (value.length > MAX_URL) return denied(`the URL is longer than ${MAX_URL} characters`);
  const match = URL_FORM.exec(value);
  if (match === null) return denied('the URL is not scheme://host/path in lower case, or has a fragment');
  const [, scheme, authority, rawPath, query = ''] = match as unknown as [
    string,
    string,
    string,
    string,
    string?,
  ];
  if (!(options.schemes ?? ['https', 'http']).includes(scheme))
    return denied(`the scheme ${scheme} is not allowed`);
  if (authority.includes('@')) return denied('the URL holds user information');
  const host = hostParts(authority);
  if (typeof host === 'string') return denied(host);
  const path = rawPath === '' ? '/' : rawPath;
  if (!/^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/.test(path))
    return denied('the path of the URL holds "%", a backslash or an unusual character');
  const segments = path.slice(1).split('/');
  if (segments.length > MAX_DEPTH) return denied(`the path of the URL is deeper than ${MAX_DEPTH}`);
  for (const [index, segment] of segments.entries()) {
    if (segment === '.' || segment === '..') return denied('the path of the URL holds "." or ".."');
    if (segment === '' && index < segments.length - 1) return denied('the path of the URL holds "//"');
  }
  if (!/^(\?([A-Za-z0-9._~!$&()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?$/.test(query))
    return denied('the query of the URL holds an unusual character');
  const id = `${scheme}://${authority}${path}${query}`;
  // Second opinion: the parser that the effect will use must read back exactly this text.
  if (!URL.canParse(id) || new URL(id).href !== id) return denied('the URL is not in its canonical form');
  const origin = `${scheme}://${authority}`;
  const ancestors: Uid[] = query === '' ? [] : [{ type: 'Url', id: `${origin}${path}` }];
  for (
    let slash = path.lastIndexOf('/');
    slash >= 0;
    slash = slash === 0 ? -1 : path.lastIndexOf('/', slash - 1)
  ) {
    const prefix = `${origin}${path.slice(0, slash + 1)}`;
    if (prefix !== id && ancestors.at(-1)?.id !== prefix) ancestors.push({ type: 'Url', id: prefix });
  }
  const port = host.port ?? DEFAULT_PORTS[scheme];
  if (port !== undefined) ancestors.push({ type: 'Host', id: `${host.name}:${port}` });
  ancestors.push(...domainsFrom(host.name));
  return { id, type: 'Url', ancestors, value: id };
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { https: '443', wss: '443', http: '80', ws: '80' };

function resolveHost(value: string): ResolvedResource | ResourceDenial {
  const host = hostParts(value);
  if (typeof host === 'string') return denied(host);
  const domains = domainsFrom(host.name);
  return { id: value, type: 'Host', ancestors: host.port === undefined ? domains.slice(1) : domains, value };
}

/** Returns the name itself and every domain above it; an address stands alone. */
function domainsFrom(name: string): Uid[] {
  if (name.startsWith('[') || IPV4.test(name)) return [{ type: 'Host', id: name }];
  const labels = name.split('.');
  return labels.map((_, index) => ({ type: 'Host', id: labels.slice(index).join('.') }));
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Returns the name and port of `host[:port]`, or why it is refused. */
function hostParts(authority: string): { readonly name: string; readonly port?: string } | string {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::([1-9][0-9]{0,4}))?$/.exec(authority);
  if (match === null) return 'the host is not name, name:port or [address]:port in lower-case ASCII';
  const name = match[1]!;
  const port = match[2];
  if (port !== undefined && Number(port) > 65_535) return 'the port is above 65535';
  const fault = name.startsWith('[') ? ipv6Fault(name) : nameFault(name);
  if (fault !== undefined) return fault;
  return port === undefined ? { name } : { name, port };
}

function nameFault(name: string): string | undefined {
  if (name.length > 253) return 'the host is longer than 253 characters';
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return 'the host is not made of lower-case ASCII labels';
  // URL parsers read a host whose last label is a number as an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1.
  if (/^([0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1)!) && !IPV4.test(name))
    return 'the host is a number that is not a plain dotted IPv4 address';
  return undefined;
}

function ipv6Fault(name: string): string | undefined {
  const text = `http://${name}/`;
  if (!URL.canParse(text) || new URL(text).hostname !== name)
    return 'the IPv6 address is not in canonical form';
  // IPv4 inside IPv6: mapped, compatible, NAT64 and 6to4 would name a second way to the same host.
  if (/^\[(::ffff:|64:ff9b:|2002:)/.test(name) || /^\[::[0-9a-f]+:[0-9a-f]+\]$/.test(name))
    return 'the IPv6 address embeds an IPv4 address';
  return undefined;
}

function denied(detail: string): ResourceDenial {
  return { deny: 'not_canonical', detail };
}
