/** As much of a browser's document as the pages' scripts use: a tree of elements, their text and attributes. */
export class TinyElement {
  readonly tag: string;
  readonly attributes = new Map<string, string>();
  readonly listeners = new Map<string, (event: { preventDefault(): void }) => void>();
  children: TinyElement[] = [];
  className = '';
  hidden = false;
  value = '';
  #text = '';

  constructor(tag: string) {
    this.tag = tag;
  }

  set textContent(text: string) {
    this.#text = String(text);
    this.children = [];
  }

  get textContent(): string {
    return [this.#text, ...this.children.map((child) => child.textContent)].filter((text) => text !== '').join(' ');
  }

  append(...nodes: TinyElement[]): void {
    this.children.push(...nodes);
  }

  replaceChildren(...nodes: TinyElement[]): void {
    this.children = nodes;
  }

  setAttribute(name: string, value: unknown): void {
    this.attributes.set(name, String(value));
  }

  addEventListener(type: string, listener: (event: { preventDefault(): void }) => void): void {
    this.listeners.set(type, listener);
  }

  /** Elements of a class or tag below this one. */
  all(name: string): TinyElement[] {
    const own = this.tag === name || this.className === name || this.attributes.get('class') === name ? [this] : [];
    return [...own, ...this.children.flatMap((child) => child.all(name))];
  }
}

/** Elements with an id of a page's markup, by id. */
export class TinyDocument {
  readonly hidden = false;
  readonly #byId = new Map<string, TinyElement>();

  constructor(html: string) {
    for (const [, tag, id] of html.matchAll(/<([a-z]+)[^>]* id="([a-z]+)"/g))
      this.#byId.set(id!, new TinyElement(tag!));
  }

  getElementById(id: string): TinyElement | null {
    return this.#byId.get(id) ?? null;
  }

  createElement(tag: string): TinyElement {
    return new TinyElement(tag);
  }

  createElementNS(_namespace: string, tag: string): TinyElement {
    return new TinyElement(tag);
  }

  addEventListener(): void {
    // Nobody hides this document.
  }
}
