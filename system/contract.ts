import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type ClientEventName, clientEvents, serverEvents } from '@parley/shared/protocol'
import formats from 'ajv-formats'
import { type AnySchema, Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { z } from 'zod'

const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: AnySchema }> }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: object
}

/** What the documents in docs/ promise, to hold answers against; and which of their operations were seen answered. */
export function readContract(name: string) {
  const file = path.join(import.meta.dirname, '../docs', name)
  const { paths, components } = JSON.parse(readFileSync(file, 'utf8')) as Document
  const answered = new Set<string>()
  const routes = Object.entries(paths).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const pattern = new RegExp(`^${url.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
      return {
        name: `${method.toUpperCase()} ${url}`,
        method,
        pattern,
        literal: !url.includes('{'),
        operation,
      }
    }),
  )
  const compiled = new Map<string, ValidateFunction>()

  return {
    routes: routes.map((route) => route.name),
    answered,
    /** What is wrong with an answer; undefined if it is as documented. */
    judge(method: string, target: string, status: number, body: unknown): string | undefined {
      const { pathname } = new URL(target, 'http://here')
      const fits = routes.filter((it) => it.method === method.toLowerCase() && it.pattern.test(pathname))
      const route = fits.find(({ literal }) => literal) ?? fits[0]
      if (!route) return `${method} ${pathname} is not documented`
      const documented = status < 400 ? String(status) : 'default'
      const response = route.operation.responses[documented]
      if (!response) return `${route.name} answered ${status}, which is not documented`
      if (status < 400) answered.add(route.name)
      const schema = response.content?.['application/json']?.schema
      if (schema === undefined) return undefined
      const key = `${route.name} ${documented}`
      const validate = compiled.get(key) ?? ajv.compile({ ...(schema as object), components })
      compiled.set(key, validate)
      return validate(body) ? undefined : `${key}: ${ajv.errorsText(validate.errors)}`
    },
  }
}

const replies = new Map<string, ValidateFunction>()

/** What is wrong with the reply to an event, or with what the server told; no field may be more than documented. */
export function judgeEvent(event: string, payload: unknown): string | undefined {
  const schema =
    event in clientEvents
      ? clientEvents[event as ClientEventName].reply
      : serverEvents[event as keyof typeof serverEvents]
  if (!(schema as unknown)) return `${event} is not documented`
  const validate =
    replies.get(event) ?? ajv.compile(z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }))
  replies.set(event, validate)
  return validate(payload) ? undefined : `${event}: ${ajv.errorsText(validate.errors)}`
}

/** The HTTP form of an event: path, query and body together are the request. */
export function asHttp(event: ClientEventName, request: Record<string, unknown>) {
  const operation = clientEvents[event]
  if (!('http' in operation)) return undefined
  const [method = '', template = ''] = operation.http.route.split(' ')
  const rest = { ...request }
  const target = template.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = rest[name]
    delete rest[name]
    return encodeURIComponent(typeof value === 'string' ? value : JSON.stringify(value ?? ''))
  })
  if (method !== 'GET' && method !== 'DELETE') return { method, target, body: rest }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(rest))
    query.set(name, typeof value === 'string' ? value : JSON.stringify(value))
  return { method, target: query.size > 0 ? `${target}?${query.toString()}` : target, body: undefined }
}

export interface BadRequest {
  why: string
  request: Record<string, unknown>
}

const wrongValues: unknown[] = [{ wrong: true }, ['wrong'], 12.5, true, 'ÿ'.repeat(20_000), -1]

/** Requests like a good one, each spoilt in one way that its schema refuses. */
export function spoil(schema: z.ZodType, good: Record<string, unknown>): BadRequest[] {
  const spoilt: BadRequest[] = [{ why: 'an unknown field', request: { ...good, unheardOf: 1 } }]
  for (const name of Object.keys(good)) {
    const { [name]: _left, ...without } = good
    spoilt.push({ why: `no ${name}`, request: without })
    for (const value of wrongValues)
      spoilt.push({
        why: `${name} as ${JSON.stringify(value).slice(0, 20)}`,
        request: { ...good, [name]: value },
      })
    spoilt.push({
      why: `${name} as a list of 1,001`,
      request: { ...good, [name]: Array.from({ length: 1_001 }, () => 'x') },
    })
  }
  return spoilt.filter(({ request }) => !schema.safeParse(request).success)
}
