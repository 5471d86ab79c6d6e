import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LIMITS } from '../../src/core/limits.ts';
import { FROM_INSTANCE, FROM_SCHEDULER, LIST_MAX, PROTOCOL_VERSION } from '../../src/wire/messages.ts';
import { readDoc, section, tableRows } from './tables.ts';

const DOC = readDoc('docs/wire.md');

describe('docs/wire.md', () => {
  it.each([
    ['## From the instance', FROM_INSTANCE],
    ['## From the scheduler', FROM_SCHEDULER],
  ] as const)('%s: has every message, and no other', (heading, union) => {
    const told = [...section(DOC, heading).matchAll(/^### `(\w+)`$/gm)].map(([, name]) => name);
    expect(told).toEqual(union.options.map(({ shape }) => shape.t.value));
  });

  it.each([...FROM_INSTANCE.options, ...FROM_SCHEDULER.options].map((option) => [option.shape.t.value, option] as const))(
    '%s: has every field as the schema has it, and no other',
    (name, option) => {
      const { t: _t, ...fields } = option.shape;
      expect(documented(section(DOC, `### \`${name}\``)).toSorted()).toEqual(fieldsOf(fields).toSorted());
    },
  );

  it('speaks of the protocol and the limits that there are', () => {
    expect(DOC).toContain(`\`protocol\` is ${PROTOCOL_VERSION}.`);
    expect(DOC).toContain(`more than ${LIST_MAX.toLocaleString('en-US')} attempts`);
    const limits = tableRows(section(DOC, '## Frames')).map(([, value = '']) => /`(\w+)`|^(\w+)$/.exec(value)?.slice(1).find(Boolean));
    expect(limits.filter((name) => !Object.hasOwn(LIMITS, name ?? ''))).toEqual([]);
    expect(DOC).toContain(`at most ${LIMITS.frame_bytes_before_hello_max / 1024} KiB, within ${LIMITS.hello_timeout_ms / 1000} s`);
    expect(DOC).toContain(`every ${LIMITS.heartbeat_ms / 1000} s`);
  });
});

/** Fields as lines such as `report.answer.text`, with what may be null or absent. */
function fieldsOf(shape: Readonly<Record<string, z.core.$ZodType>>, before = ''): string[] {
  return Object.entries(shape).flatMap(([key, given]) => {
    const marks: string[] = [];
    let schema: z.core.$ZodType = given;
    while (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) {
      marks.push(schema instanceof z.ZodNullable ? '?null' : '?absent');
      schema = schema.unwrap();
    }
    if (schema instanceof z.ZodArray) {
      marks.push('[]');
      schema = schema.element;
    }
    const path = `${before}${key}${marks.join('')}`;
    return schema instanceof z.ZodObject ? fieldsOf(schema.shape, `${path}.`) : [path];
  });
}

/** The same, of the table in a text; shapes that it links to are followed. */
function documented(text: string, before = ''): string[] {
  return tableRows(text).flatMap(([names = '', type = '']) =>
    names
      .replaceAll('`', '')
      .split(' ')
      .flatMap((name) => {
        const marks = `${/ or null\b/.test(type) ? '?null' : ''}${type.includes('may be absent') ? '?absent' : ''}${type.startsWith('list of') ? '[]' : ''}`;
        const shape = /\]\(#([\w-]+)\)/.exec(type)?.[1];
        const path = `${before}${name}${marks}`;
        return shape === undefined ? [path] : documented(section(DOC, `#### ${shape}`), `${path}.`);
      }),
  );
}
