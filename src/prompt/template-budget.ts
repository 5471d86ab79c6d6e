/**
 * What a template may use up, so that it is stopped before it grows. Liquid's own limits count a character and an element of
 * a list alike, do not look into nested lists, and watch the clock between tags only: one filter over a long list could
 * take seconds. Here elements cost what they weigh, and what walks over them costs what it takes.
 */
import { type Context, defaultOperators, type FilterImplOptions, type Liquid } from 'liquidjs';

type Limiter = Context['memoryLimit'];
type Filter = Extract<FilterImplOptions, (...args: never) => unknown>;

/** Units of a template: one for a character that a filter makes. */
const BUDGET = 32 * 1024 * 1024;
/** Units for looking at what is there already, which takes time and no memory: about a second of it. */
const WALK_BUDGET = 64 * 1024 * 1024;
/** An element of a list is a pointer, and an object behind it. */
const ELEMENT = 8;
/** For each element that is compared, or for which an expression is evaluated. */
const COMPARED = 24;
const EVALUATED = 96;

const WALKING: Readonly<Record<string, number>> = {
  sort: COMPARED,
  sort_natural: COMPARED,
  uniq: COMPARED,
  sum: ELEMENT,
  where: COMPARED,
  reject: COMPARED,
  has: COMPARED,
  find: COMPARED,
  find_index: COMPARED,
  group_by: COMPARED,
  where_exp: EVALUATED,
  reject_exp: EVALUATED,
  has_exp: EVALUATED,
  find_exp: EVALUATED,
  find_index_exp: EVALUATED,
  group_by_exp: EVALUATED,
};
/** They put a whole value into a list: lists within lists grow by doubling, unseen by who counts elements. */
const NESTING: ReadonlySet<string> = new Set(['push', 'unshift', 'concat']);

/** One for each rendering. Has the methods of Liquid's own limiter. */
class Budget {
  /** What one counted thing costs: an element, unless a text is worked on. */
  weight = ELEMENT;
  #used = 0;
  #walked = 0;

  use(count: number): void {
    if (!(count > 0)) return;
    this.#used += count * this.weight;
    if (this.#used > BUDGET) throw new BudgetSpent();
  }

  walk(units: number): void {
    this.#walked += units;
    if (this.#walked > WALK_BUDGET) throw new BudgetSpent();
  }

  /** Lists within lists: units as they are. */
  nest(units: number): void {
    this.#used += units;
    if (this.#used > BUDGET) throw new BudgetSpent();
  }

  check(count: number): void {
    if (count * this.weight > BUDGET) throw new BudgetSpent();
  }
}

export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
}

/** For the context of one rendering by an engine that was bounded by {@link boundEngine}. */
export function newBudget(): Limiter {
  // Liquid's class has private fields, so nothing else is of its type; its two methods are all that is called.
  return new Budget() as unknown as Limiter;
}

/** Makes every filter and operator of this engine charge for what it does. */
export function boundEngine(liquid: Liquid): void {
  for (const [name, filter] of Object.entries(liquid.filters)) {
    if (typeof filter === 'function') liquid.registerFilter(name, bounded(name, filter));
  }
  liquid.options.operators = { ...defaultOperators };
  for (const name of ['==', '!=', 'contains'] as const) {
    const operator = defaultOperators[name];
    if (operator === undefined) continue;
    liquid.options.operators[name] = (left: unknown, right: unknown, context: Context) => {
      budgetOf(context)?.walk(name === 'contains' ? lookedThrough(left, right) : compared(left, right));
      return operator(left, right, context);
    };
  }
}

/** Only two lists are looked into, and only where they are of one length. */
function compared(left: unknown, right: unknown): number {
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return 0;
  return deepSize(left, COMPARED);
}

function lookedThrough(left: unknown, right: unknown): number {
  if (!Array.isArray(left)) return 0;
  return Array.isArray(right) ? deepSize(left, COMPARED) : left.length * ELEMENT;
}

function bounded(name: string, filter: Filter): Filter {
  return function (value: unknown, ...args: unknown[]): unknown {
    const { context } = this;
    const budget = budgetOf(context);
    if (budget === null) return filter.call(this, value, ...args) as unknown;
    if (Array.isArray(value)) budget.walk(value.length * (WALKING[name] ?? 0));
    if (NESTING.has(name)) for (const arg of args) budget.nest(deepSize(arg, ELEMENT));
    // Filters of lists that work step by step charge when this has returned, at the weight of elements.
    budget.weight = Array.isArray(value) && !TEXT_OF_LISTS.has(name) ? ELEMENT : 1;
    try {
      return filter.call(this, value, ...args) as unknown;
    } finally {
      budget.weight = ELEMENT;
    }
  };
}

/** They count the characters that they make of a list. */
const TEXT_OF_LISTS: ReadonlySet<string> = new Set([
  'join',
  'json',
  'jsonify',
  'inspect',
  'array_to_sentence_string',
]);

function budgetOf({ memoryLimit }: Context): Budget | null {
  return (memoryLimit as unknown) instanceof Budget ? (memoryLimit as unknown as Budget) : null;
}

/** Units that a list weighs with all that is in it; 0 for what is no list. Stops counting where it is too much anyway. */
function deepSize(value: unknown, element: number): number {
  if (!Array.isArray(value)) return 0;
  let units = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && units <= WALK_BUDGET) {
    const item = open.pop();
    if (typeof item === 'string') units += item.length;
    if (typeof item !== 'object' || item === null) continue;
    const inside: readonly unknown[] = Array.isArray(item) ? item : Object.values(item);
    units += element * (inside.length + 1);
    if (units > WALK_BUDGET) break;
    for (const one of inside) open.push(one);
  }
  return units;
}
