import { el } from './dom.js';
import { joined, layOut, type Layout, type Run } from './range-layout.js';
import { State, type RangeState, type Verdict } from './range-state.js';
import { count, percent, short } from './words.js';

/** From so many pixels a commit on each is drawn for itself. */
const APART = 3;
const EASE_MS = 500;
const LEAST = 12;
const BAND = 8;
const PAD = 14;

/** Colours of a theme, by their names in the style sheet. */
type Theme = Readonly<Record<string, string>>;

/** The range, drawn as it narrows: commits from left to right, lanes from top to bottom, equal images in a band below. */
export class RangeView {
  readonly element: HTMLElement;
  /** The commit that is selected, in words. */
  readonly caption = el('p', { class: 'soft' });
  /** Called when a commit is chosen; `isFirm` by a click or the enter key. */
  chosen: (place: number, isFirm: boolean) => void = () => undefined;
  follow = true;
  selected: number | undefined;
  readonly #canvas = el('canvas');
  readonly #layout: Layout;
  #runs: Run[];
  #theme: Theme = {};
  /** The commits between which the view is. */
  #window: [number, number];
  #move:
    { readonly from: [number, number]; readonly to: [number, number]; readonly since: number } | undefined;
  #asked = false;
  #isDrawn = false;

  constructor(private readonly state: RangeState) {
    this.#layout = layOut(state.range);
    this.#runs = joined(this.#layout, state.states);
    this.#window = [-0.5, state.size - 0.5];
    this.caption.textContent = count(state.size, 'commit');
    const keys =
      'Left and right: the next commit; up and down: a parent or a child; enter: show it; plus, minus: zoom';
    this.element = el(
      'div',
      {
        class: 'range',
        tabindex: 0,
        role: 'slider',
        title: keys,
        'aria-label': 'The commits of the range, oldest first',
        'aria-valuemin': 1,
        'aria-valuemax': Math.max(1, state.size),
        'aria-valuenow': 1,
        'aria-valuetext': count(state.size, 'commit'),
      },
      this.#canvas,
    );
    this.element.addEventListener('keydown', (event) => this.#key(event));
    this.element.addEventListener('pointerdown', (event) => this.#point(event));
    this.element.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.#ask()).observe(this.element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#theme = {};
      this.#ask();
    });
  }

  /** More is known: the range is drawn anew, and the view goes to what is left. */
  changed(): void {
    this.#runs = joined(this.#layout, this.state.states);
    if (this.selected !== undefined) this.#say(this.selected);
    if (this.follow) this.#showLeft();
    this.#ask();
  }

  zoom(factor: number, around?: number): void {
    this.follow = false;
    const [from, to] = this.#move?.to ?? this.#window;
    const middle = around ?? this.selected ?? (from + to) / 2;
    this.#go(middle - (middle - from) * factor, middle + (to - middle) * factor);
  }

  showAll(): void {
    this.follow = false;
    this.#go(-0.5, this.state.size - 0.5);
  }

  #showLeft(): void {
    const [first, last] = this.state.left;
    const room = Math.max(1, (last - first) * 0.08);
    this.#go(first - room, last + room);
  }

  select(place: number, isFirm: boolean): void {
    const at = Math.min(this.state.size - 1, Math.max(0, place));
    this.selected = at;
    this.#say(at);
    const [from, to] = this.#move?.to ?? this.#window;
    if (at < from || at > to) this.#go(at - (to - from) / 2, at + (to - from) / 2);
    this.#ask();
    this.chosen(at, isFirm);
  }

  /** A commit in words. */
  describe(place: number): string {
    const { range, states, verdicts, marks, flights, classes, chances, size } = this.state;
    const verdict = verdicts.get(place);
    const parts = [
      `commit ${place + 1} of ${size.toLocaleString('en')}: ${short(range.ids[place] ?? '')}`,
      ['cannot be the culprit', 'old', 'new', `candidate, ${percent(chances[place] ?? 0)}`][
        states[place] ?? 0
      ],
      verdict && `${marks.has(place) ? 'marked' : 'tested'} ${verdict}`,
      [...flights.values()].includes(place) ? 'being tested' : undefined,
      classes[place]! >= 0 ? 'gives the same image as others' : undefined,
    ];
    return parts.filter(Boolean).join(', ');
  }

  #say(place: number): void {
    const words = this.describe(place);
    this.element.setAttribute('aria-valuenow', String(place + 1));
    this.element.setAttribute('aria-valuetext', words);
    this.caption.textContent = words;
  }

  #go(from: number, to: number): void {
    const { size } = this.state;
    const wide = Math.min(size, Math.max(Math.min(LEAST, size), to - from));
    const start = Math.min(Math.max((from + to - wide) / 2, -0.5), size - 0.5 - wide);
    const target: [number, number] = [start, start + wide];
    if (this.#move?.to[0] === target[0] && this.#move.to[1] === target[1]) return;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches || !this.#isDrawn;
    if (still) this.#window = target;
    else this.#move = { from: this.#window, to: target, since: performance.now() };
    this.#ask();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame((now) => {
      this.#asked = false;
      this.#advance(now);
      this.#draw();
    });
  }

  #advance(now: number): void {
    const move = this.#move;
    if (move === undefined) return;
    const part = Math.min(1, Math.max(0, (now - move.since) / EASE_MS));
    const eased = 1 - (1 - part) ** 3;
    const between = (at: 0 | 1) => move.from[at] + (move.to[at] - move.from[at]) * eased;
    this.#window = [between(0), between(1)];
    if (part < 1) this.#ask();
    else this.#move = undefined;
  }

  #color(name: string): string {
    const known = this.#theme[name];
    if (known !== undefined) return known;
    const style = getComputedStyle(this.element);
    const names = [
      'out',
      'old',
      'new',
      'left',
      'skip',
      'flight',
      'accent',
      'class-a',
      'class-b',
      'panel',
      'line',
    ];
    this.#theme = Object.fromEntries(names.map((one) => [one, style.getPropertyValue(`--${one}`).trim()]));
    return this.#theme[name] ?? '';
  }

  #draw(): void {
    const { width, height } = this.element.getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== wide || this.#canvas.height !== high) {
      this.#canvas.width = wide;
      this.#canvas.height = high;
    }
    const context = this.#canvas.getContext('2d');
    if (context === null || width === 0) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const [from, to] = this.#window;
    const scale = width / (to - from);
    const place = {
      scale,
      x: (commit: number) => (commit - from) * scale,
      y: (lane: number) => this.#top(height) + lane * this.#laneHeight(height),
    };
    this.#drawAcross(context, place, width);
    this.#drawRuns(context, place, width, height);
    if (scale >= APART) this.#drawCommits(context, place, from, to, height);
    this.#drawClasses(context, place, from, to, height);
    this.#drawTests(context, place, height);
    if (this.#isDrawn) return;
    this.#isDrawn = true;
    performance.mark('range-drawn');
  }

  #laneHeight(height: number): number {
    return Math.min(18, (height - 2 * PAD - BAND) / Math.max(1, this.#layout.count - 1));
  }

  /** Few lanes lie in the middle. */
  #top(height: number): number {
    return (height - BAND - (this.#layout.count - 1) * this.#laneHeight(height)) / 2;
  }

  /** Merges and forks: of all that fall on one pixel, one line. */
  #drawAcross(context: CanvasRenderingContext2D, { x, y }: Place, width: number): void {
    context.fillStyle = this.#color('line');
    let [column, top, bottom] = [-1, 0, 0];
    const flush = () => {
      if (column >= 0) context.fillRect(column, top, 1, bottom - top);
    };
    for (const { at, from, to } of this.#layout.across) {
      const pixel = Math.round(x(at));
      if (pixel < 0) continue;
      if (pixel > width) break;
      const [low, high] = [y(Math.min(from, to)), y(Math.max(from, to))];
      if (pixel !== column) {
        flush();
        [column, top, bottom] = [pixel, low, high];
      } else {
        [top, bottom] = [Math.min(top, low), Math.max(bottom, high)];
      }
    }
    flush();
  }

  #drawRuns(context: CanvasRenderingContext2D, { x, y, scale }: Place, width: number, height: number): void {
    const close = scale < APART;
    const thick = close ? Math.max(1.5, Math.min(6, this.#laneHeight(height) * 0.6)) : 1.5;
    for (const [state, name] of STATES) {
      context.fillStyle = this.#color(name);
      for (const run of this.#runs) {
        if (run.state !== state) continue;
        const [left, right] = [Math.max(0, x(run.from)), Math.min(width, x(run.to))];
        if (right >= 0 && left <= width)
          context.fillRect(left, y(run.lane) - thick / 2, Math.max(1, right - left), thick);
      }
    }
  }

  #drawCommits(
    context: CanvasRenderingContext2D,
    { x, y, scale }: Place,
    from: number,
    to: number,
    height: number,
  ): void {
    const size = Math.max(2, Math.min(9, scale * 0.7, this.#laneHeight(height) * 0.8));
    const { states } = this.state;
    const [first, last] = [Math.max(0, Math.floor(from)), Math.min(this.state.size - 1, Math.ceil(to))];
    for (const [state, name] of STATES) {
      context.fillStyle = this.#color(name);
      for (let commit = first; commit <= last; commit++) {
        if (states[commit] !== state) continue;
        context.fillRect(x(commit) - size / 2, y(this.#layout.lanes[commit]!) - size / 2, size, size);
      }
    }
  }

  /** Which commits give one image: a band in two shades, one after the other, with gaps where an image is alone. */
  #drawClasses(
    context: CanvasRenderingContext2D,
    { x, scale }: Place,
    from: number,
    to: number,
    height: number,
  ): void {
    const { classes } = this.state;
    const [first, last] = [Math.max(0, Math.floor(from)), Math.min(this.state.size - 1, Math.ceil(to))];
    const own = this.selected === undefined ? -1 : classes[this.selected]!;
    for (let commit = first; commit <= last;) {
      const number = classes[commit]!;
      let end = commit + 1;
      while (end <= last && classes[end] === number) end++;
      if (number >= 0) {
        const shade = number === own ? 'flight' : number % 2 === 0 ? 'class-a' : 'class-b';
        context.fillStyle = this.#color(shade);
        context.fillRect(x(commit - 0.4), height - BAND, Math.max(1, (end - commit - 0.2) * scale), BAND - 2);
      }
      commit = end;
    }
  }

  /** Verdicts, tests in flight, and what is selected, whatever the zoom. */
  #drawTests(context: CanvasRenderingContext2D, { x, y }: Place, height: number): void {
    const at = (commit: number) => [x(commit), y(this.#layout.lanes[commit]!)] as const;
    for (const [commit, verdict] of this.state.verdicts) {
      context.fillStyle = this.#color(verdict);
      context.fillRect(x(commit) - 0.5, PAD / 2, 1, height - BAND - PAD);
      shape(context, verdict, ...at(commit), 5);
      if (this.state.marks.has(commit)) context.fillRect(x(commit) - 4, PAD / 2 - 3, 8, 4);
    }
    context.strokeStyle = this.#color('flight');
    context.lineWidth = 2;
    for (const commit of this.state.flights.values()) {
      context.beginPath();
      context.arc(...at(commit), 7, 0, 2 * Math.PI);
      context.stroke();
    }
    if (this.selected === undefined) return;
    context.strokeStyle = this.#color('accent');
    const [left, top] = at(this.selected);
    context.strokeRect(left - 8, top - 8, 16, 16);
    context.fillStyle = this.#color('accent');
    context.fillRect(left - 0.5, 0, 1, height);
  }

  #key(event: KeyboardEvent): void {
    const { selected, state } = this;
    const here = selected ?? state.size - 1;
    const children = () =>
      state.range.ids.findIndex((_, place) => place > here && state.parents(place).includes(here));
    const steps: Record<string, () => void> = {
      ArrowLeft: () => this.select(here - 1, false),
      ArrowRight: () => this.select(here + 1, false),
      ArrowDown: () => this.select(state.parents(here).at(-1) ?? here, false),
      ArrowUp: () => this.select(Math.max(here, children()), false),
      PageUp: () => this.select(here - Math.ceil(state.size / 20), false),
      PageDown: () => this.select(here + Math.ceil(state.size / 20), false),
      Home: () => this.select(0, false),
      End: () => this.select(state.size - 1, false),
      Enter: () => this.select(here, true),
      '+': () => this.zoom(0.5),
      '-': () => this.zoom(2),
      '0': () => this.showAll(),
    };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step();
  }

  #point(event: PointerEvent): void {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const [from, to] = this.#window;
    const at = from + ((event.clientX - left) / width) * (to - from);
    const lane = (event.clientY - top - this.#top(height)) / this.#laneHeight(height);
    const reach = Math.max(1, (12 / width) * (to - from));
    let [best, least] = [Math.round(at), Infinity];
    for (let commit = Math.ceil(at - reach); commit <= at + reach; commit++) {
      if (commit < 0 || commit >= this.state.size) continue;
      const tested = this.state.verdicts.has(commit) ? 0.3 : 1;
      const far = Math.hypot((commit - at) / reach, (this.#layout.lanes[commit]! - lane) / 2) * tested;
      if (far < least) [best, least] = [commit, far];
    }
    this.select(best, true);
  }

  #wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !this.element.matches(':focus')) return; // the page scrolls
    event.preventDefault();
    const { left, width } = this.element.getBoundingClientRect();
    const [from, to] = this.#window;
    this.zoom(event.deltaY > 0 ? 1.3 : 0.77, from + ((event.clientX - left) / width) * (to - from));
  }
}

interface Place {
  readonly scale: number;
  readonly x: (commit: number) => number;
  readonly y: (lane: number) => number;
}

/** What is left is drawn last, on top. */
const STATES = [
  [State.Out, 'out'],
  [State.Old, 'old'],
  [State.New, 'new'],
  [State.Left, 'left'],
] as const;

/** Verdicts differ in shape, not in colour alone: a disc is old, a square new, a diamond skipped. */
function shape(
  context: CanvasRenderingContext2D,
  verdict: Verdict,
  x: number,
  y: number,
  size: number,
): void {
  context.beginPath();
  switch (verdict) {
    case 'old':
      context.arc(x, y, size, 0, 2 * Math.PI);
      break;
    case 'new':
      context.rect(x - size, y - size, 2 * size, 2 * size);
      break;
    case 'skip':
      context.moveTo(x, y - size - 1);
      context.lineTo(x + size + 1, y);
      context.lineTo(x, y + size + 1);
      context.lineTo(x - size - 1, y);
      context.closePath();
      break;
  }
  context.fill();
}
