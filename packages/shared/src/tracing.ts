import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { z } from 'zod'
import { httpUrl } from './env.ts'

/** Names and values that tell spans apart: never text of people, tokens or passwords. */
export type Attributes = Record<string, string | number | boolean>

export interface SpanOptions {
  kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  attributes?: Attributes
}

/** A step of a trace, under way. */
export interface TraceSpan {
  readonly traceId: string
  /** By which what follows from it, here or elsewhere, names it: W3C Trace Context, 3.2. */
  readonly traceparent: string
  set(attributes: Attributes): void
  /** Names another that has to do with it, without being its cause, by its `traceparent`. */
  link(other: string): void
  /** From here on it is on its way to the collector. `failure` is what was thrown. */
  end(failure?: unknown): void
}

/**
 * Makes spans (ADR 36). Whether a trace is recorded is decided by chance where it begins; for one that is not there
 * are no spans and no `traceparent`, and so nothing to be done by whoever comes after.
 */
export interface Tracing extends AsyncDisposable {
  /** The first span of a trace, or nothing. */
  begin(name: string, options?: SpanOptions): TraceSpan | undefined
  /** A span of the trace that this names; nothing where it names none. */
  follow(traceparent: string | undefined, name: string, options?: SpanOptions): TraceSpan | undefined
}

const HeaderList = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((pair) => pair.trim() || []))
  .pipe(
    z.array(z.string().regex(/^[^=\s]+=(?:[^%\r\n]|%[0-9A-Fa-f]{2})*$/, 'name=value, separated by commas')),
  )

/** The standard's variables, as far as services read them themselves. */
export const tracingEnv = {
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: HeaderList,
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(0.01),
}

type TracingEnv = z.output<z.ZodObject<typeof tracingEnv>>

export interface TracingConfig {
  /** Of the collector; spans go to `/v1/traces` beneath it. */
  endpoint: string
  headers: Record<string, string>
  /** The share of traces that is recorded. */
  ratio: number
}

/** Undefined where there is no collector: then nothing is recorded. */
export function loadTracing(parsed: TracingEnv): TracingConfig | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio } = parsed
  if (endpoint === undefined) return undefined
  const headers = parsed.OTEL_EXPORTER_OTLP_HEADERS.map((pair): [string, string] => {
    const [name = '', ...value] = pair.split('=')
    return [name, decodeURIComponent(value.join('='))]
  })
  return { endpoint: endpoint.replace(/\/$/, ''), headers: Object.fromEntries(headers), ratio }
}

interface TracingOptions {
  config: TracingConfig | undefined
  service: string
  /** Of several processes of the service, which. */
  instance?: string
  log: Logger
  metrics: Registry
}

/** The OpenTelemetry SDK is loaded only where it is used. */
export async function openTracing({ config, ...options }: TracingOptions): Promise<Tracing | undefined> {
  if (!config) return undefined
  const { startTracing } = await import('./tracing-sdk.ts')
  return startTracing({ config, ...options })
}

/** Does something as a span: with its end, and with its failure if it fails, the span ends. */
export function during<T>(span: TraceSpan | undefined, work: () => Promise<T>): Promise<T> {
  return span ? endingWith(span, work) : work()
}

async function endingWith<T>(span: TraceSpan, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work()
    span.end()
    return result
  } catch (cause) {
    span.end(cause)
    throw cause
  }
}

/** The trace that a `traceparent` names, for the log. */
export const traceIdOf = (traceparent: string | undefined) => traceparent?.split('-')[1]
