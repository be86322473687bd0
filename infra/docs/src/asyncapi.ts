import { clientEvents, Handshake, serverEvents } from '@parley/shared/protocol'
import { z } from 'zod'
import { describePreprocessed, namedSchemas } from './named-schemas.ts'

/** The socket protocol as an AsyncAPI 3 document, from the table that both ends of it use. */
export function asyncapi(): object {
  const named = z.toJSONSchema(namedSchemas, {
    ...schemaOptions('output'),
    uri: (id) => `#/components/schemas/${id}`,
  }) as { schemas: Record<string, Record<string, unknown>> }
  const schemas = Object.fromEntries(
    Object.entries(named.schemas).map(([id, schema]) => [id, withoutOrigin(schema)]),
  )
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Parley sockets',
      version: '1',
      description:
        'Socket.IO 4 at `/socket.io/`, namespace `/`. A client event is answered by its acknowledgement, modelled as a reply on the same channel. `protocol.md` has the words, the close codes and the error codes.',
    },
    defaultContentType: 'application/json',
    servers: {
      local: {
        host: 'localhost:8080',
        protocol: 'socketio',
        description: 'npm start',
        security: [{ $ref: '#/components/securitySchemes/handshake' }],
      },
    },
    channels: {
      socket: {
        address: '/',
        messages: Object.fromEntries(
          Object.keys(messages()).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
      },
    },
    operations: operations(),
    components: {
      securitySchemes: {
        handshake: {
          type: 'httpApiKey',
          in: 'query',
          name: 'auth_token',
          description: 'Or, better, `token` in the `auth` of the handshake: see the schema Handshake.',
        },
      },
      messages: messages(),
      schemas: { ...schemas, Handshake: schemaOf(Handshake, 'input'), Error: errorSchema },
    },
  }
}

const errorSchema = {
  type: 'object',
  required: ['code', 'message', 'retryable'],
  properties: {
    code: { type: 'string' },
    message: { type: 'string' },
    retryable: { type: 'boolean' },
    retryAfterMs: { type: 'number' },
  },
}

const schemaOptions = (io: 'input' | 'output') =>
  ({ io, target: 'draft-7', unrepresentable: 'any', override: describePreprocessed }) as const

/** A schema with references to those that have a name. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const registry = z.registry<{ id: string }>()
  for (const [name, it] of namedSchemas._idmap) registry.add(it as z.ZodType, { id: name })
  if (registry.has(schema)) return { $ref: `#/components/schemas/${registry.get(schema)?.id}` }
  registry.add(schema, { id: '__self' })
  const { schemas } = z.toJSONSchema(registry, {
    ...schemaOptions(io),
    uri: (id) => `#/components/schemas/${id}`,
  }) as { schemas: Record<string, Record<string, unknown>> }
  return withoutOrigin(schemas['__self'] ?? {})
}

function withoutOrigin({ $schema: _version, $id: _id, ...schema }: Record<string, unknown>): object {
  return schema
}

/** Names as AsyncAPI allows them in keys. */
const key = (event: string) => event.replaceAll(':', '.')

function messages(): Record<string, object> {
  const asked = Object.entries(clientEvents).flatMap(([event, { about, request, reply }]) => [
    [key(event), { name: event, summary: about, payload: schemaOf(request, 'input') }],
    [
      `${key(event)}.reply`,
      {
        name: `${event} (acknowledgement)`,
        payload: {
          oneOf: [
            {
              type: 'object',
              required: ['ok', 'data'],
              properties: { ok: { const: true }, data: schemaOf(reply, 'output') },
            },
            {
              type: 'object',
              required: ['ok', 'error'],
              properties: { ok: { const: false }, error: { $ref: '#/components/schemas/Error' } },
            },
          ],
        },
      },
    ],
  ])
  const told = Object.entries(serverEvents).map(([event, schema]) => [
    key(event),
    { name: event, summary: schema.description ?? '', payload: schemaOf(schema, 'output') },
  ])
  return Object.fromEntries([...asked, ...told]) as Record<string, object>
}

/** From where the client stands: it sends what it asks and receives what the server tells. */
function operations(): Record<string, object> {
  const channel = { $ref: '#/channels/socket' }
  const message = (name: string) => ({ $ref: `#/channels/socket/messages/${name}` })
  const asks = Object.keys(clientEvents).map((event) => [
    key(event),
    {
      action: 'send',
      channel,
      messages: [message(key(event))],
      reply: { channel, messages: [message(`${key(event)}.reply`)] },
    },
  ])
  const hears = Object.keys(serverEvents).map((event) => [
    key(event),
    { action: 'receive', channel, messages: [message(key(event))] },
  ])
  return Object.fromEntries([...asks, ...hears]) as Record<string, object>
}
