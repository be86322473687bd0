import swagger from '@fastify/swagger'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from '@fastify/type-provider-zod'
import { listenerRoutes } from '@parley/gateway/routes'
import { clientRoutes as mediaRoutes } from '@parley/media/routes'
import { adminRoutes, clientRoutes as messagesRoutes, serverRoutes } from '@parley/messages/routes'
import { catalogue, type ErrorCode } from '@parley/shared/errors'
import { createHttpApp, type HttpApp } from '@parley/shared/http'
import { createLogger } from '@parley/shared/log'
import { z } from 'zod'
import { describePreprocessed, namedSchemas } from './named-schemas.ts'
import { routeNotes } from './route-notes.ts'

interface DocumentPlan {
  title: string
  about: string
  servers: { url: string; description: string }[]
  security: Record<string, object>
  add: (app: HttpApp) => void
}

const bearer = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }

/** What apps ask, of all services behind the one origin. The gateway's answer to a route stands for that of messages. */
export const clientApi: DocumentPlan = {
  title: 'Parley',
  about: 'What an app asks over HTTP. Sockets are in asyncapi.json.',
  servers: [{ url: 'http://localhost:8080', description: 'npm start' }],
  security: { accessToken: bearer },
  add(app) {
    const config = {
      limits: { requests: { perSecond: 1, burst: 1 } },
      uploads: { maxBytes: 1 },
    }
    listenerRoutes(app, declaring({ config }))
    mediaRoutes(app, declaring({ config }))
    messagesRoutes(withoutDoubles(app), declaring({ config }))
  },
}

/** What the operator's back ends ask, on a port of its own. */
export const serverApi: DocumentPlan = {
  title: 'Parley, server API',
  about: "What the operator's own back ends ask, with a key, on a port that no ingress reaches.",
  servers: [{ url: 'http://messages:3201', description: 'SERVER_API_PORT of messages' }],
  security: { apiKey: { type: 'http', scheme: 'bearer' } },
  add: (app) => serverRoutes(app, declaring({})),
}

/** What operators and their machines ask. Internal: no app may reach it. */
export const internalApi: DocumentPlan = {
  title: 'Parley, internal ports',
  about:
    'Probes and metrics of every service, and what operators ask of messages. No ingress reaches these ports. Calls between services (`/rpc/*`) are no contract for others: packages/shared/src/rpc.ts.',
  servers: [
    { url: 'http://messages:3101', description: 'messages, with /admin' },
    { url: 'http://media:3102', description: 'media' },
    { url: 'http://push:3103', description: 'push' },
    { url: 'http://gateway:3111', description: 'gateway' },
  ],
  security: { internalSecret: { type: 'apiKey', in: 'header', name: 'x-parley-internal' } },
  add(app) {
    const Ok = z.object({ ok: z.literal(true) })
    for (const probe of ['/livez', '/startupz', '/readyz'])
      app.get(probe, { schema: { response: { 200: Ok } } }, nobodyAsks)
    app.get('/metrics', nobodyAsks)
    adminRoutes(app, declaring({}))
  },
}

/** An OpenAPI 3.1 document, from the routes as the services themselves declare them. */
export async function openapi({ title, about, servers, security, add }: DocumentPlan): Promise<object> {
  const app = createHttpApp(createLogger('docs', { level: 'silent' }))
  const zodOptions = {
    schemaRegistry: namedSchemas,
    zodToJsonConfig: { override: describePreprocessed as never },
  }
  const transform = createJsonSchemaTransform(zodOptions)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description: about, version: '1' },
      servers,
      components: { securitySchemes: security as never },
      security: Object.keys(security).map((name) => ({ [name]: [] })),
    },
    transform: (document) => {
      const { schema, url } = transform(document as never) as { schema?: Described; url: string }
      const { method } = document.route
      return { url, schema: described(schema ?? {}, String(method), document.route.url) } as never
    },
    transformObject: createJsonSchemaTransformObject(zodOptions),
  })
  add(app)
  await app.ready()
  const document = app.swagger() as object
  await app.close()
  return JSON.parse(
    JSON.stringify(withErrors(document)).replaceAll('"Default Response"', '"Done."'),
  ) as object
}

interface Described {
  operationId?: string
  description?: string
  response?: Record<string, object>
}

/** What a route's own schema leaves open: a name, words, what a refusal is, and what an answer without a body is. */
function described(schema: Described, method: string, url: string): object {
  const note = routeNotes[`${method} ${url}`]
  return {
    ...schema,
    // What a browser asks before it asks is no operation.
    ...(method === 'OPTIONS' || method === 'HEAD' ? { hide: true } : {}),
    operationId: schema.operationId ?? operationIdOf(method, url),
    tags: [url.split('/').find((part) => !/^(v1|server|admin)?$/.test(part))],
    ...(note && !schema.description ? { description: note.about } : {}),
    ...(note?.isOpen ? { security: [] } : {}),
    ...(note?.form ? { consumes: ['multipart/form-data'], body: note.form } : {}),
    response: {
      ...(schema.response ?? (note?.answers ? {} : { 204: done })),
      ...note?.answers,
      default: refused,
    },
  }
}

const done = { description: 'Done.', type: 'null' }
const refused = { description: 'Refused: the code says why.', $ref: '#/components/schemas/Refusal' }

const Refusal = z.object({
  error: z.object({
    code: z.enum(Object.keys(catalogue) as [ErrorCode]),
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: z.number().optional(),
  }),
})

function withErrors(document: object): object {
  const { components, ...rest } = document as { components: { schemas?: object } }
  const { $schema: _version, ...schema } = z.toJSONSchema(Refusal)
  // Schemas that nothing here refers to say nothing.
  const text = JSON.stringify(rest)
  const schemas = { ...components.schemas, Refusal: schema }
  return { ...rest, components: { ...components, schemas: usedOf(schemas, text) } }
}

function usedOf(schemas: Record<string, unknown>, text: string): Record<string, unknown> {
  const used = new Map<string, unknown>()
  const visit = (from: string) => {
    for (const [, name = ''] of from.matchAll(/#\/components\/schemas\/(\w+)/g)) {
      if (used.has(name) || !(name in schemas)) continue
      used.set(name, schemas[name])
      visit(JSON.stringify(schemas[name]))
    }
  }
  visit(text)
  return Object.fromEntries([...used].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const operationIdOf = (method: string, url: string) =>
  `${method.toLowerCase()} ${url.replace(/^\/(server\/v1|v1|admin)?\/?/, '').replaceAll(/[/:]+/g, ' ')}`

/** The later of two routes at one place is left out: another service answers there. */
function withoutDoubles(app: HttpApp): HttpApp {
  return Object.assign(Object.create(app) as HttpApp, {
    route: (options: Parameters<HttpApp['route']>[0]) =>
      app.hasRoute({ method: options.method as 'GET', url: options.url }) ? app : app.route(options as never),
  })
}

const nobodyAsks = async (): Promise<never> => {
  throw new Error('routes are declared here, and not served')
}

/** Routes are declared without what they need to answer: nothing of it is there until somebody calls it. */
function declaring(parts: object): never {
  const nothing = () => {
    throw new Error('a route is asked for, or asks, while it is declared')
  }
  return new Proxy(parts, { get: (target, name) => target[name as never] ?? nothing }) as never
}
