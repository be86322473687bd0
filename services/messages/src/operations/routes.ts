import type { HttpApp } from '@parley/shared/http'
import { type ClientEventName, clientEvents } from '@parley/shared/protocol'
import type { Caller } from '@parley/shared/rpc'
import { spanOf } from '@parley/shared/tracing-http'
import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from '../sessions/authenticate.ts'
import { answer, operations } from './operations.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The socket's operations over HTTP, from the same table: what is in the path, the query and the body is the request. */
export function operationRoutes(app: HttpApp, ctx: Context): void {
  for (const event of Object.keys(operations) as ClientEventName[]) {
    const operation = clientEvents[event]
    if ('http' in operation) addOperation(app, ctx, event, { whoAsks: (http) => authenticate(ctx, http) })
  }
}

interface OperationRoute {
  /** Stands before the route of the protocol table. */
  prefix?: string
  whoAsks: (http: FastifyRequest) => Pick<Caller, 'userId'> | Promise<Pick<Caller, 'userId'>>
  config?: FastifyContextConfig
}

/** One operation as an HTTP route; the protocol table says which. */
export function addOperation(
  app: HttpApp,
  ctx: Context,
  event: ClientEventName,
  { prefix = '', whoAsks, config = {} }: OperationRoute,
): void {
  const operation = clientEvents[event]
  if (!('http' in operation)) throw new Error(`${event} has no route`)
  const { request: schema, reply, about } = operation
  const { route, status = 200 }: { route: string; status?: number } = operation.http
  const [method, url] = route.split(' ') as [Method, string]
  const inPath = [...url.matchAll(/:(\w+)/g)].flatMap(([, name]) => name ?? [])
  const shape = Object.entries(schema.shape as Record<string, z.ZodType>)
  const params = z.object(Object.fromEntries(shape.filter(([name]) => inPath.includes(name))))
  const rest = shape.filter(([name]) => !inPath.includes(name))
  const inQuery = method === 'GET' || method === 'DELETE'
  const query = z.strictObject(Object.fromEntries(rest.filter(([, of]) => !isList(of)).map(fromText)))
  // A body without anything in it may be left out.
  const body = rest.length > 0 ? z.strictObject(Object.fromEntries(rest)) : z.unknown()
  app.route({
    method,
    url: `${prefix}${url}`,
    config,
    schema: {
      operationId: event,
      description: about,
      params,
      ...(inQuery ? { querystring: query } : { body }),
      response: { [status]: reply },
    },
    handler: async (http, response) => {
      const caller = await whoAsks(http)
      const given = {
        ...(inQuery ? (http.query as object) : (http.body as object | null)),
        ...(http.params as object),
      }
      // Once more as a whole: what fields ask of each other is a rule of the request, not of its parts.
      const request: unknown = schema.parse(given)
      const answered = await answer(ctx, caller as Caller, event, request, spanOf(http))
      return response.status(status).send(answered as never)
    },
  })
}

/** A query string carries everything as text. */
function fromText([name, schema]: [string, z.ZodType]): [string, z.ZodType] {
  const { type } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  if (type !== 'number' && type !== 'integer') return [name, schema]
  return [
    name,
    z.preprocess((value) => (typeof value === 'string' && value !== '' ? Number(value) : value), schema),
  ]
}

const isList = (schema: z.ZodType) =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).type === 'array'
