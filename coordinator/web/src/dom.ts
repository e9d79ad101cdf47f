/** What an element is made of: text is always text, never markup. */
export type Child = Node | string | number | undefined;

/** Makes an element. Attributes that are undefined or false are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== undefined).map(asText));
  return element;
}

/** Makes an element of SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children.filter((child) => child !== undefined).map(asText));
  return element;
}

/** An element of the page. */
export function byId(id: string): HTMLElement {
  return byIdOf(id, HTMLElement);
}

/** An element of the page that is of a kind. */
export function byIdOf<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`no ${kind.name} ${id}`);
}

/** Puts children in a place instead of what is there. What is focused there stays so, and what is equal is left alone. */
export function fill(place: HTMLElement, ...children: readonly HTMLElement[]): void {
  const before = [...place.children];
  if (
    before.length === children.length &&
    before.every((child, at) => child.isEqualNode(children[at] ?? null))
  )
    return;
  const { activeElement } = document;
  const focused = activeElement && place.contains(activeElement) ? signOf(activeElement) : undefined;
  place.replaceChildren(...children);
  if (focused === undefined) return;
  const same = [...place.querySelectorAll<HTMLElement>('a, button, input, [tabindex]')];
  same.find((element) => signOf(element) === focused)?.focus({ preventScroll: true });
}

/** What an element is known by when it is made anew. */
function signOf(element: Element): string {
  const name = element.getAttribute('aria-label') ?? element.textContent;
  return `${element.tagName} ${element.getAttribute('href') ?? ''} ${name}`;
}

/** A table with a heading row, which scrolls where it is too wide. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly Child[])[],
  label: string,
): HTMLElement {
  const head = el('tr', {}, ...headings.map((heading) => el('th', { scope: 'col' }, heading)));
  const body = rows.map((cells) => el('tr', {}, ...cells.map((cell) => el('td', {}, cell))));
  const whole = el('table', { 'aria-label': label }, el('thead', {}, head), el('tbody', {}, ...body));
  return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, whole);
}

/** A button that does something; what went wrong is said beside it. */
export function button(label: string, act: () => unknown, describe?: string): HTMLButtonElement {
  const made = el('button', { type: 'button', 'aria-label': describe }, label);
  made.addEventListener('click', () => {
    made.disabled = true;
    void (async () => await act())()
      .catch((error: unknown) => say(error instanceof Error ? error.message : String(error)))
      .finally(() => (made.disabled = false));
  });
  return made;
}

/** Says something in the page's head, for a while. */
export function say(words: string): void {
  const line = byId('line');
  line.textContent = words;
  line.classList.add('error');
}

function asText(child: Node | string | number): Node | string {
  return typeof child === 'number' ? String(child) : child;
}
