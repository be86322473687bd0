import { readFileSync } from 'node:fs'
import path from 'node:path'
import specs from '@asyncapi/specs'
import { clientEvents, serverEvents } from '@parley/shared/protocol'
import { compileErrors, validate } from '@readme/openapi-parser'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { expect, test } from 'vitest'
import { makePages } from './pages.ts'
import { routeNotes } from './route-notes.ts'

const pages = await makePages()
const openapiPages = Object.entries(pages).filter(([name]) => name.startsWith('openapi'))

interface Operation {
  operationId: string
  description?: string
  responses: Record<string, { content?: object; description?: string }>
}
const operationsOf = (text: string) =>
  Object.entries((JSON.parse(text) as { paths: Record<string, Record<string, Operation>> }).paths).flatMap(
    ([url, methods]) => Object.entries(methods).map(([method, operation]) => ({ url, method, ...operation })),
  )

test.for(Object.entries(pages))(
  'docs/%s says what the code does: run `pnpm protocol` after changing the protocol or a route',
  ([name, text]) => {
    expect(readFileSync(path.join(import.meta.dirname, '../../../docs', name), 'utf8')).toBe(text)
  },
)

test.for(openapiPages)('docs/%s is valid OpenAPI 3.1', async ([, text]) => {
  const result = await validate(JSON.parse(text))
  expect(result.valid ? '' : compileErrors(result)).toBe('')
})

test.for(openapiPages)(
  'docs/%s says of every operation what it does, and has a name of its own for it',
  ([, text]) => {
    const operations = operationsOf(text)
    expect(
      operations.filter(({ description }) => !description).map(({ operationId }) => operationId),
    ).toEqual([])
    const ids = operations.map(({ operationId }) => operationId)
    expect(ids).toEqual([...new Set(ids)])
  },
)

test('no note is of a route that is no more', () => {
  const routes = openapiPages.flatMap(([, text]) =>
    operationsOf(text).map(
      ({ method, url }) => `${method.toUpperCase()} ${url.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    ),
  )
  expect(Object.keys(routeNotes).filter((route) => !routes.includes(route))).toEqual([])
})

test('docs/asyncapi.json is valid AsyncAPI 3.0, and nothing in it refers to what is not there', () => {
  const document = JSON.parse(pages['asyncapi.json'] ?? '') as object
  // The specification's schema brings JSON Schema's own with it.
  const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false })
  formats.default(ajv)
  const isValid = ajv.compile(specs.schemas['3.0.0'] as object)
  expect(isValid({ ...document, operations: { odd: { action: 'shout' } } })).toBe(false)
  isValid(document)
  expect(isValid.errors?.slice(0, 5) ?? []).toEqual([])
  const resolve = (pointer: string) =>
    pointer
      .split('/')
      .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], document)
  const pointers = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
    ([, pointer = '']) => pointer,
  )
  expect(pointers.length).toBeGreaterThan(100)
  expect(pointers.filter((pointer) => resolve(pointer) === undefined)).toEqual([])
})

test('docs/asyncapi.json has every event of the protocol table', () => {
  const { operations } = JSON.parse(pages['asyncapi.json'] ?? '') as { operations: object }
  const events = [...Object.keys(clientEvents), ...Object.keys(serverEvents)]
  expect(Object.keys(operations)).toEqual(events.map((event) => event.replaceAll(':', '.')))
})
