// Where the members of a configuration file stand in its text: JSON with comments and trailing commas, as editors
// write it. Only spans are found, so that a change touches the values it means and nothing else.

/** A value in the text, with its members when it is an object. */
export interface Located {
  readonly from: number;
  readonly to: number;
  readonly kind: 'object' | 'array' | 'scalar';
  readonly members: ReadonlyMap<string, Located>;
  /** For an array: its items. */
  readonly items: readonly Located[];
}

/** Returns the value of a text. @throws SyntaxError naming the position */
export function locate(text: string): Located {
  const scanner = new Scanner(text);
  const value = scanner.value(0);
  scanner.end();
  return value;
}

/** Returns the value at a place as data. Comments and trailing commas are taken out. */
export function valueAt(text: string, place: Located): unknown {
  switch (place.kind) {
    case 'object':
      return Object.fromEntries([...place.members].map(([name, inner]) => [name, valueAt(text, inner)]));
    case 'array':
      return place.items.map((item) => valueAt(text, item));
    case 'scalar':
      return JSON.parse(text.slice(place.from, place.to)) as unknown;
    default:
      return place.kind satisfies never;
  }
}

const MAX_DEPTH = 64;

class Scanner {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    // A byte order mark is left where it is.
    if (text.startsWith('\ufeff')) this.#at = 1;
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw this.#unexpected();
  }

  value(depth: number): Located {
    if (depth > MAX_DEPTH) throw this.#unexpected();
    this.#skip();
    const from = this.#at;
    const char = this.#text[from];
    const members = new Map<string, Located>();
    const items: Located[] = [];
    if (char === '{') {
      this.#list('}', () => {
        const name = this.#string();
        this.#skip();
        this.#expect(':');
        // Editors take the last of two; nobody can say which a tool takes, so it is refused.
        if (members.has(name)) throw new SyntaxError(`the member ${JSON.stringify(name)} stands twice`);
        members.set(name, this.value(depth + 1));
      });
      return { from, to: this.#at, kind: 'object', members, items };
    }
    if (char === '[') {
      this.#list(']', () => void items.push(this.value(depth + 1)));
      return { from, to: this.#at, kind: 'array', members, items };
    }
    if (char === '"') this.#string();
    else {
      const word = /^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/.exec(
        this.#text.slice(from, from + 400),
      );
      if (word === null) throw this.#unexpected();
      this.#at += word[0].length;
    }
    return { from, to: this.#at, kind: 'scalar', members, items };
  }

  #list(close: '}' | ']', item: () => void): void {
    this.#at++;
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === close) break;
      item();
      this.#skip();
      if (this.#text[this.#at] === ',') this.#at++;
      else if (this.#text[this.#at] !== close) throw this.#unexpected();
    }
    this.#at++;
  }

  #string(): string {
    const from = this.#at;
    if (this.#text[from] !== '"') throw this.#unexpected();
    for (this.#at++; this.#text[this.#at] !== '"'; this.#at++) {
      if (this.#at >= this.#text.length) throw this.#unexpected();
      if (this.#text[this.#at] === '\\') this.#at++;
    }
    this.#at++;
    return JSON.parse(this.#text.slice(from, this.#at)) as string;
  }

  #expect(char: string): void {
    if (this.#text[this.#at] !== char) throw this.#unexpected();
    this.#at++;
  }

  #skip(): void {
    const space = /(?:[ \t\r\n]+|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;
    space.lastIndex = this.#at;
    this.#at += space.exec(this.#text)![0].length;
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(`unexpected text at position ${this.#at}`);
  }
}
