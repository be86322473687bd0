import { createServer, type ServerResponse } from 'node:http'

/** A span as it arrived, attributes and resource by their keys. */
export interface CollectedSpan {
  service: string
  instance: string
  name: string
  traceId: string
  spanId: string
  /** Absent for the first of a trace. */
  parentSpanId?: string
  links: { traceId: string; spanId: string }[]
  attributes: Record<string, unknown>
  /** 2 if it failed. */
  status: number
  startedAt: bigint
  endedAt: bigint
}

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean }
type KeyValue = { key: string; value: Value }

/** What an OTLP/HTTP exporter posts to `/v1/traces` as JSON (opentelemetry.io/docs/specs/otlp). */
interface Export {
  resourceSpans: {
    resource: { attributes: KeyValue[] }
    scopeSpans: {
      spans: {
        name: string
        traceId: string
        spanId: string
        parentSpanId?: string
        links?: { traceId: string; spanId: string }[]
        attributes?: KeyValue[]
        status?: { code?: number }
        startTimeUnixNano: string
        endTimeUnixNano: string
      }[]
    }[]
  }[]
}

/** Stands where a collector stands: OTLP over real HTTP, with the answers a test gives it. */
export async function startTraceCollector() {
  const spans: CollectedSpan[] = []
  const collector = {
    spans,
    /** Everything that was posted, as text. */
    bodies: [] as string[],
    headers: [] as NodeJS.Dict<string | string[]>[],
    /** What it does with an export; the default takes it. */
    answer: take as (response: ServerResponse, keep: () => void) => void,
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      collector.bodies.push(body)
      collector.headers.push(request.headers)
      if (request.url !== '/v1/traces') return void response.writeHead(404).end()
      collector.answer(response, () => spans.push(...read(JSON.parse(body) as Export)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return Object.assign(collector, {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

export type TraceCollector = Awaited<ReturnType<typeof startTraceCollector>>

function take(response: ServerResponse, keep: () => void): void {
  keep()
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
}

function read({ resourceSpans }: Export): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const from = byKey(resource.attributes)
    return scopeSpans
      .flatMap((scope) => scope.spans)
      .map((span) => ({
        service: String(from['service.name']),
        instance: String(from['service.instance.id']),
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        ...(span.parentSpanId ? { parentSpanId: span.parentSpanId } : {}),
        links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
        attributes: byKey(span.attributes ?? []),
        status: span.status?.code ?? 0,
        startedAt: BigInt(span.startTimeUnixNano),
        endedAt: BigInt(span.endTimeUnixNano),
      }))
  })
}

function byKey(pairs: KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue) : Number(intValue)),
    ]),
  )
}
