/**
 * The editor. It lives in a shadow root: there the library takes constructed style sheets, which a policy without
 * inline styles permits. Escape, then Tab leaves it.
 */
import { tags } from '@lezer/highlight';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { EditorState, type Text } from '@codemirror/state';
import { EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { cedarLanguage } from './cedar-language.ts';

import css from './console.module.css';

export interface EditorProblem {
  readonly message: string;
  /** `file`, `file:line` or `file:line:column`. */
  readonly where?: string;
}

const theme = EditorView.theme({
  '&': {
    color: 'var(--ink)',
    backgroundColor: 'var(--card)',
    fontSize: '13px',
    minHeight: '240px',
    maxHeight: '560px',
  },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '&.cm-focused': { outline: '2px solid var(--link)', outlineOffset: '-2px' },
  '.cm-gutters': {
    backgroundColor: 'var(--card)',
    color: 'var(--ink-2)',
    border: 'none',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--sunk)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-tooltip': { backgroundColor: 'var(--card)', color: 'var(--ink)', border: '1px solid var(--line-2)' },
});
const colours = HighlightStyle.define([
  { tag: tags.keyword, fontWeight: '600' },
  { tag: tags.comment, color: 'var(--ink-2)' },
  { tag: tags.string, color: 'var(--link)' },
  { tag: tags.number, color: 'var(--link)' },
  { tag: tags.meta, color: 'var(--ink-2)', fontWeight: '600' },
  { tag: tags.typeName, color: 'var(--ink)' },
  { tag: tags.operator, color: 'var(--ink-2)' },
]);

export function CedarEditor({
  text,
  label,
  problems,
  onChange,
}: {
  readonly text: string;
  readonly label: string;
  readonly problems: readonly EditorProblem[];
  onChange(text: string): void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const change = useRef(onChange);
  change.current = onChange;
  useEffect(() => {
    const { current } = host;
    if (current === null) return;
    const root = current.shadowRoot ?? current.attachShadow({ mode: 'open' });
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          history(),
          highlightActiveLine(),
          lintGutter(),
          cedarLanguage,
          syntaxHighlighting(colours),
          theme,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) change.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    if (editor === undefined) return;
    editor.dispatch(
      setDiagnostics(
        editor.state,
        problems.map((one) => place(editor.state.doc, one)),
      ),
    );
  }, [problems]);
  return <div ref={host} className={css['editor']} />;
}

/** Where Cedar says that the problem is; the first line when it does not say. */
function place(doc: Text, { message, where }: EditorProblem): Diagnostic {
  const [, line, column] = /:(\d+)(?::(\d+))?$/.exec(where ?? '') ?? [];
  const at = doc.line(Math.min(Math.max(Number(line ?? 1), 1), doc.lines));
  const from = Math.min(at.from + Math.max(Number(column ?? 1) - 1, 0), at.to);
  return { from, to: Math.max(from, at.to), severity: 'error', message };
}
