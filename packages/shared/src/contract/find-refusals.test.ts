import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { findRefusals, type Schema } from './find-refusals.ts'

const schemaOf = (schema: z.ZodType) => {
  const { $schema: _version, ...json } = z.toJSONSchema(schema, { io: 'input' })
  return json as Schema
}
const seq = z.object({ seq: z.int() })

describe('passes', () => {
  test.for<[string, z.ZodType, z.ZodType]>([
    ['what stayed as it was', seq, seq],
    ['a new field, where unknown ones are let pass', seq.extend({ at: z.string() }), seq],
    ['a field that is not required any more', seq, seq.partial()],
    ['a longer text than before being taken', z.string().max(10), z.string().max(20)],
    ['one more value being known', z.enum(['a', 'b']), z.enum(['a', 'b', 'c'])],
    ['one of several forms', z.string(), z.union([z.int(), z.string()])],
    ['null where it is taken', z.string().nullable(), z.string().nullable()],
  ])('%s', ([, sent, taken]) => {
    expect(findRefusals(schemaOf(sent), schemaOf(taken))).toEqual([])
  })
})

describe('tells of', () => {
  test.for([
    ['null', { enum: [null] }],
    ['a list', { enum: [[]] }],
  ] as const)('%s where an object is taken', ([, sent]) => {
    expect(findRefusals(sent as never, { type: 'object' })).toHaveLength(1)
    expect(findRefusals(sent as never, { anyOf: [{ type: 'object' }, { const: 'a' }] })).toHaveLength(1)
  })

  test.for<[string, z.ZodType, z.ZodType]>([
    ['it.at may be missing, and it is required', seq, seq.extend({ at: z.string() })],
    ['it.at is not known, and nothing unknown is taken', seq.extend({ at: z.string() }), seq.strict()],
    ['it.seq may be string, and integer is taken', z.object({ seq: z.string() }), seq],
    ['it may be c, which is not known', z.enum(['a', 'c']), z.enum(['a', 'b'])],
    ['it has maxLength 20, and 10 is taken', z.string().max(20), z.string().max(10)],
    ['it has minItems none, and 1 is taken', z.array(z.string()), z.array(z.string()).min(1)],
    ['it[] may be null, and string is taken', z.array(z.string().nullable()), z.array(z.string())],
    ['it has pattern none, and ^a$ is taken', z.string(), z.string().regex(/^a$/)],
  ])('%s', ([refusal, sent, taken]) => {
    expect(findRefusals(schemaOf(sent), schemaOf(taken))).toEqual([refusal])
  })

  test('a word of JSON Schema that it does not understand, rather than passing over it', () => {
    expect(findRefusals({ type: 'object', minProperties: 1 }, {})).toEqual([
      'it says minProperties, which nobody compares yet',
    ])
  })
})

/** Small schemas over few names and numbers, so that two of them often have something to do with each other. */
const { schema: schemas } = fc.letrec<{ schema: Schema; leaf: Schema }>((tie) => ({
  leaf: fc.oneof(
    fc.record({
      type: fc.constant('string'),
      minLength: fc.nat(2),
      maxLength: fc.integer({ min: 2, max: 3 }),
    }),
    fc.record({
      type: fc.constantFrom('integer', 'number'),
      minimum: fc.nat(2),
      maximum: fc.integer({ min: 2, max: 3 }),
    }),
    fc.record({ enum: fc.uniqueArray(fc.constantFrom<unknown>('a', 'b', 1, 2, null), { minLength: 1 }) }),
    fc.record({ const: fc.constantFrom<unknown>('a', 1) }),
    fc.constant<Schema>({ type: ['string', 'null'] }),
    fc.constant<Schema>({}),
  ),
  schema: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    tie('leaf'),
    fc
      .record({
        a: tie('schema'),
        b: tie('schema'),
        required: fc.subarray(['a', 'b']),
        additionalProperties: fc.oneof(fc.boolean(), tie('leaf')),
      })
      .map(({ a, b, ...others }): Schema => ({ type: 'object', properties: { a, b }, ...others })),
    fc.record({ items: tie('schema'), maxItems: fc.nat(2) }).map((it): Schema => ({ type: 'array', ...it })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 2 }).map((anyOf): Schema => ({ anyOf })),
  ),
}))
const { value: candidates } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>('', 'a', 'b', 'ab', 'abc', 'abcd', -1, 0, 1, 1.5, 2, 3, 4, null, true),
    fc.dictionary(fc.constantFrom('a', 'b'), tie('value'), { maxKeys: 2 }),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
}))

test(
  'whatever it passes is taken: of two schemas without a refusal, the second holds all that the first does',
  {
    timeout: 60_000,
  },
  () => {
    const ajv = new Ajv2020({ strict: false })
    let passed = 0
    fc.assert(
      fc.property(
        schemas,
        schemas,
        fc.array(candidates, { minLength: 20, maxLength: 60 }),
        (sent, other, values) => {
          // Half of the time something of the schema itself is let go, so that many pairs pass.
          const taken = values.length % 2 ? other : { ...sent, required: [], maxLength: 9, maximum: 9 }
          if (findRefusals(sent, taken).length > 0) return
          passed++
          const [fitsSent, fitsTaken] = [ajv.compile(sent), ajv.compile(taken)]
          // Of names that it does not know a sender says nothing, though its schema would let them pass.
          const said = values.filter((value) => fitsSent(value) && isSaid(sent, value))
          expect(said.filter((value) => !fitsTaken(value))).toEqual([])
        },
      ),
      { numRuns: 1_500 },
    )
    expect(passed).toBeGreaterThan(75)
  },
)

function isSaid({ properties, additionalProperties, items, anyOf }: Schema, value: unknown): boolean {
  if (anyOf)
    return anyOf.some((form) => new Ajv2020({ strict: false }).validate(form, value) && isSaid(form, value))
  if (Array.isArray(value)) return value.every((it) => typeof items === 'object' && isSaid(items, it))
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, it]) => {
    if (properties?.[name]) return isSaid(properties[name], it)
    return typeof additionalProperties === 'object' && isSaid(additionalProperties, it)
  })
}
