/** Highlighting of Cedar, by a tokenizer written from its published grammar. Errors come from Cedar itself. */
import { StreamLanguage, type StringStream } from '@codemirror/language';

const EFFECTS = /^(?:permit|forbid)\b/;
const CLAUSES = /^(?:when|unless)\b/;
const WORDS = /^(?:if|then|else|in|has|like|is|true|false)\b/;
const VARIABLES = /^(?:principal|action|resource|context)\b/;

interface State {
  /** Inside a string that a line end did not close. */
  text: boolean;
}

/** The language for the editor. */
export const cedarLanguage = StreamLanguage.define<State>({
  name: 'cedar',
  startState: () => ({ text: false }),
  token(stream: StringStream, state): string | null {
    if (state.text) return readText(stream, state);
    if (stream.eatSpace()) return null;
    if (stream.match('//')) {
      stream.skipToEnd();
      return 'comment';
    }
    if (stream.match('"')) {
      state.text = true;
      return readText(stream, state);
    }
    if (stream.match(/^@[A-Za-z_][A-Za-z0-9_]*/)) return 'meta';
    if (stream.match(EFFECTS)) return 'keyword';
    if (stream.match(CLAUSES) || stream.match(WORDS)) return 'keyword';
    if (stream.match(VARIABLES)) return 'variableName.special';
    if (stream.match(/^[A-Za-z_][A-Za-z0-9_]*(?=\s*::)/)) return 'typeName';
    if (stream.match(/^[A-Za-z_][A-Za-z0-9_]*(?=\s*\()/)) return 'variableName.function';
    if (stream.match(/^[A-Za-z_][A-Za-z0-9_]*/)) return 'variableName';
    if (stream.match(/^[0-9]+/)) return 'number';
    if (stream.match(/^(?:&&|\|\||==|!=|<=|>=|::|[-+*<>!?.,;(){}[\]:])/)) return 'operator';
    stream.next();
    return null;
  },
  languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
});

function readText(stream: StringStream, state: State): string {
  for (let escaped = false; !stream.eol();) {
    const next = stream.next();
    if (next === '"' && !escaped) {
      state.text = false;
      break;
    }
    escaped = next === '\\' && !escaped;
  }
  return 'string';
}
