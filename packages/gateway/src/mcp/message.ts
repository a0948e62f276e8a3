// JSON-RPC messages as they stand on the wire (MCP stdio: one JSON object a line). Lines that are only passed on keep
// every byte; where an id has to change, that one value is replaced in the text, so that unknown fields, the order of
// members and the client's own way of writing numbers survive (docs: MCP gateway, "Bytes").
import { parseJson, type Json } from '@licet/evidence';

/** An object of JSON. */
export type JsonObject = { readonly [name: string]: Json };

/** What a line is; `rawId` is the id exactly as its sender wrote it. */
export type Message =
  | {
      readonly kind: 'request';
      readonly method: string;
      readonly params: JsonObject;
      readonly rawId: string;
      readonly line: string;
    }
  | {
      readonly kind: 'notification';
      readonly method: string;
      readonly params: JsonObject;
      readonly line: string;
    }
  | { readonly kind: 'response'; readonly rawId: string; readonly body: JsonObject; readonly line: string }
  | { readonly kind: 'malformed'; readonly why: string; readonly rawId?: string };

/** Longest line accepted, bytes of UTF-8. */
export const MAX_LINE_BYTES = 16 * 1_048_576;

/**
 * Returns what a line says, read strictly: of two members with one name nobody knows which the other side takes, so
 * such a line is malformed. Batches are malformed too (removed from MCP in 2025-06-18).
 */
export function readMessage(line: string): Message {
  let value: Json;
  try {
    value = parseJson(line, { maxBytes: MAX_LINE_BYTES, maxDepth: 128 });
  } catch (error) {
    return { kind: 'malformed', why: error instanceof Error ? error.message : 'not JSON' };
  }
  return classify(value, line);
}

/**
 * Returns what a line of the server says. Its results are for the client to read and are passed on as they are, so
 * numbers that lose precision in JavaScript are no reason to drop them; members with one name twice are.
 */
export function readServerMessage(line: string): Message {
  const strict = readMessage(line);
  if (strict.kind !== 'malformed') return strict;
  try {
    const names = topMembers(line).map(({ name }) => name);
    if (new Set(names).size !== names.length) return strict;
    return classify(JSON.parse(line) as Json, line);
  } catch {
    return strict;
  }
}

/** Returns the line with its id replaced by `rawId`. The line must be one that {@link readMessage} accepted. */
export function withId(line: string, rawId: string): string {
  const id = topMembers(line).find(({ name }) => name === 'id');
  if (id === undefined) throw new Error('the message has no id');
  return line.slice(0, id.from) + rawId + line.slice(id.to);
}

/** Whether this is an object of JSON. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function classify(value: Json, line: string): Message {
  if (!isObject(value)) return { kind: 'malformed', why: 'a message is one object' };
  const hasId = Object.hasOwn(value, 'id') && value['id'] !== null;
  const rawId = hasId ? rawIdOf(line) : undefined;
  if (hasId && typeof value['id'] !== 'string' && typeof value['id'] !== 'number')
    return { kind: 'malformed', why: 'an id is a string or a number' };
  const named = rawId === undefined ? {} : { rawId };
  if (value['jsonrpc'] !== '2.0')
    return { kind: 'malformed', why: 'the message is not JSON-RPC 2.0', ...named };
  const { method } = value;
  if (method === undefined) {
    if (rawId === undefined || Object.hasOwn(value, 'result') === Object.hasOwn(value, 'error')) {
      return { kind: 'malformed', why: 'neither request nor answer', ...named };
    }
    return { kind: 'response', rawId, body: value, line };
  }
  if (typeof method !== 'string' || Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error')) {
    return { kind: 'malformed', why: 'both request and answer', ...named };
  }
  const params = value['params'] ?? {};
  if (!isObject(params)) return { kind: 'malformed', why: 'params is an object', ...named };
  return rawId === undefined
    ? { kind: 'notification', method, params, line }
    : { kind: 'request', method, params, rawId, line };
}

function rawIdOf(line: string): string {
  const id = topMembers(line).find(({ name }) => name === 'id')!;
  return line.slice(id.from, id.to);
}

interface Member {
  readonly name: string;
  /** Where the value stands in the text. */
  readonly from: number;
  readonly to: number;
}

/** Finds the members of the outermost object. The text must be valid JSON of an object. */
function topMembers(text: string): readonly Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text[at] === '"') {
    const nameEnd = stringEnd(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const from = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const to = valueEnd(text, from);
    members.push({ name, from, to });
    at = skipSpace(text, to);
    if (text[at] !== ',') break;
    at = skipSpace(text, at + 1);
  }
  return members;
}

function valueEnd(text: string, from: number): number {
  if (text[from] === '"') return stringEnd(text, from);
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      if (depth === 0) return trimEnd(text, from, at);
      if (--depth === 0) return at + 1;
    } else if (char === ',' && depth === 0) return trimEnd(text, from, at);
  }
  return text.length;
}

function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++;
  return at;
}

function trimEnd(text: string, from: number, to: number): number {
  let at = to;
  while (at > from && ' \t\r\n'.includes(text[at - 1]!)) at--;
  return at;
}
