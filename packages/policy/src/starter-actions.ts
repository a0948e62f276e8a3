/**
 * The mapping of the tools that the starter knows: `@modelcontextprotocol/server-filesystem` under the name
 * `files`, and `shell/exec`, the action of the command runner.
 */
import type { ActionSpec, JsonSchema } from './bundle.ts';

const string: JsonSchema = { type: 'string' };
const strings: JsonSchema = { type: 'array', items: { type: 'string' } };
const number: JsonSchema = { type: 'number' };

function tool(
  group: 'files-read' | 'files-write',
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
  more: Partial<ActionSpec> = {},
): ActionSpec {
  return {
    schema: { type: 'object', properties, required, additionalProperties: false },
    resources: { path: { kind: 'path', type: 'Folder' } },
    floor: { lease: '30s' },
    groups: [group],
    ...more,
  };
}

const readText = tool('files-read', { path: string, tail: number, head: number }, ['path']);

/**
 * Each path is a `Folder`, files included: `resource in Folder::"/workspace"` then holds for all that is in it.
 * Tools that read a whole tree are decided for its top only; what lies below is the server's to walk.
 */
export const FILE_ACTIONS: Readonly<Record<string, ActionSpec>> = {
  'files/read_file': readText,
  'files/read_text_file': readText,
  'files/read_media_file': tool('files-read', { path: string }, ['path']),
  'files/read_multiple_files': tool('files-read', { paths: { ...strings, minItems: 1 } }, ['paths'], {
    resources: { paths: { kind: 'path', type: 'Folder' } },
  }),
  'files/list_directory': tool('files-read', { path: string }, ['path']),
  'files/list_directory_with_sizes': tool(
    'files-read',
    { path: string, sortBy: { type: 'string', enum: ['name', 'size'], default: 'name' } },
    ['path'],
  ),
  'files/directory_tree': tool('files-read', { path: string, excludePatterns: strings }, ['path'], {
    opaque: ['excludePatterns'],
  }),
  'files/search_files': tool(
    'files-read',
    { path: string, pattern: string, excludePatterns: strings },
    ['path', 'pattern'],
    { opaque: ['excludePatterns'] },
  ),
  'files/get_file_info': tool('files-read', { path: string }, ['path']),
  'files/list_allowed_directories': {
    schema: { type: 'object', properties: {}, additionalProperties: false },
    resources: {},
    floor: { lease: '30s' },
  },
  'files/write_file': tool('files-write', { path: string, content: string }, ['path', 'content'], {
    opaque: ['content'],
  }),
  'files/edit_file': tool(
    'files-write',
    {
      path: string,
      edits: {
        type: 'array',
        items: {
          type: 'object',
          properties: { oldText: string, newText: string },
          required: ['oldText', 'newText'],
          additionalProperties: false,
        },
      },
      dryRun: { type: 'boolean', default: false },
    },
    ['path', 'edits'],
    { opaque: ['edits'] },
  ),
  'files/create_directory': tool('files-write', { path: string }, ['path']),
  'files/move_file': tool('files-write', { source: string, destination: string }, ['source', 'destination'], {
    resources: {
      source: { kind: 'path', type: 'Folder' },
      destination: { kind: 'path', type: 'Folder' },
    },
  }),
};

/** What of a command line policies see: the program (its first word) and the working folder. */
export const SHELL_EXEC: ActionSpec = {
  schema: {
    type: 'object',
    properties: {
      argv: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 256 },
      cwd: { type: 'string' },
      env: { type: 'object', additionalProperties: { type: 'string' } },
      stdin: { type: ['string', 'null'] },
    },
    required: ['argv', 'cwd'],
    additionalProperties: false,
  },
  resources: { argv: { kind: 'program', type: 'Program' }, cwd: { kind: 'path', type: 'Folder' } },
  opaque: ['env', 'stdin'],
  floor: { lease: '10s', max: '10m' },
};
