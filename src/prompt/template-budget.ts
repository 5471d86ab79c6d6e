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

  use(count: number): void {
    if (!(count > 0)) return;
    this.#used += count * this.weight;
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
      charge(context, deepSize(left, COMPARED));
      return operator(left, right, context);
    };
  }
}

function bounded(name: string, filter: Filter): Filter {
  return function (value: unknown, ...args: unknown[]): unknown {
    const { context } = this;
    if (Array.isArray(value)) charge(context, value.length * (WALKING[name] ?? 0));
    if (NESTING.has(name)) for (const arg of args) charge(context, deepSize(arg, ELEMENT));
    const budget = budgetOf(context);
    if (budget === null) return filter.call(this, value, ...args) as unknown;
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

function charge(context: Context, units: number): void {
  const budget = budgetOf(context);
  if (budget === null) return;
  budget.weight = 1;
  try {
    budget.use(units);
  } finally {
    budget.weight = ELEMENT;
  }
}

/** Units that a list weighs with all that is in it; 0 for what is no list. Stops counting where it is too much anyway. */
function deepSize(value: unknown, element: number): number {
  if (!Array.isArray(value)) return 0;
  let units = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && units <= BUDGET) {
    const item = open.pop();
    if (typeof item === 'string') units += item.length;
    if (typeof item !== 'object' || item === null) continue;
    const inside: readonly unknown[] = Array.isArray(item) ? item : Object.values(item);
    units += element * (inside.length + 1);
    if (units > BUDGET) break;
    for (const one of inside) open.push(one);
  }
  return units;
}
