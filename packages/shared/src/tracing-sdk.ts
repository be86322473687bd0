import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import {
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import { AppError } from './errors.ts'
import type { SpanOptions, TraceSpan, Tracing, TracingConfig } from './tracing.ts'

/** Spans that wait for the collector; beyond it they are dropped. One takes about a kilobyte. */
const maxQueued = 2_048
const maxBatch = 512
const gatherMs = 1_000
/** All tries of one export together. */
const exportWithinMs = 5_000
/** What is left at the end of the process is given so long. */
const flushWithinMs = 2_000
const warnEveryMs = 60_000

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

const traceparentFormat = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/

interface SdkOptions {
  config: TracingConfig
  service: string
  instance?: string
  log: Logger
  metrics: Registry
}

/**
 * Tracing with the OpenTelemetry SDK, without its context manager and instrumentation: what a span follows from is
 * always named. A collector that is slow or away costs spans, and never a request or memory beyond the queue.
 */
export function startTracing({ config, service, instance = hostname(), log, metrics }: SdkOptions): Tracing {
  const ended = new Counter({
    name: 'parley_trace_spans_ended_total',
    help: 'Spans that were recorded',
    registers: [metrics],
  })
  const exported = new Counter({
    name: 'parley_trace_spans_exported_total',
    help: 'Spans that the collector has taken. What is missing beside those that ended was dropped',
    registers: [metrics],
  })
  const exporter = new OTLPTraceExporter({
    url: `${config.endpoint}/v1/traces`,
    headers: config.headers,
    timeoutMillis: exportWithinMs,
    // At the end of the process the whole queue goes at once.
    concurrencyLimit: 2 * (maxQueued / maxBatch),
  })
  const provider = new TracerProvider({
    // Whether a trace is recorded was decided before the SDK is asked.
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({
      'service.name': `parley-${service}`,
      'service.namespace': 'parley',
      'service.instance.id': instance,
    }).merge(detectResources({ detectors: [envDetector] })),
    spanLimits: { attributeValueLengthLimit: 256, attributeCountLimit: 32, linkCountLimit: 256 },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: watched(exporter, { exported, log }),
        maxQueueSize: maxQueued,
        maxExportBatchSize: maxBatch,
        scheduledDelayMillis: gatherMs,
        exportTimeoutMillis: exportWithinMs + 1_000,
      }),
    ],
  })
  const tracer = provider.getTracer('parley')

  function start(name: string, { kind = 'internal', attributes = {} }: SpanOptions, parent = ROOT_CONTEXT) {
    return wrap(tracer.startSpan(name, { kind: kinds[kind], attributes }, parent), ended)
  }

  return {
    begin: (name, options = {}) => (Math.random() < config.ratio ? start(name, options) : undefined),
    follow(traceparent, name, options = {}) {
      const cause = traceparent === undefined ? undefined : contextOf(traceparent)
      return cause && start(name, options, trace.setSpanContext(ROOT_CONTEXT, cause))
    },
    async [Symbol.asyncDispose]() {
      const late = new AbortController()
      const closed = provider.shutdown().catch(() => undefined)
      await Promise.race([closed, wait(flushWithinMs, undefined, { signal: late.signal }).catch(() => {})])
      late.abort()
    },
  }
}

function contextOf(traceparent: string): SpanContext | undefined {
  const [, traceId, spanId] = traceparentFormat.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined) return undefined
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true }
}

function wrap(span: Span, ended: Counter): TraceSpan {
  const { traceId, spanId } = span.spanContext()
  return {
    traceId,
    traceparent: `00-${traceId}-${spanId}-01`,
    set: (attributes) => void span.setAttributes(attributes),
    link(other) {
      const context = contextOf(other)
      if (context) span.addLink({ context })
    },
    end(failure) {
      if (failure !== undefined) {
        // The code, never the message: it may name what a person wrote.
        const code =
          failure instanceof AppError ? failure.code : failure instanceof Error ? failure.name : 'unknown'
        span.setAttribute('error.type', code)
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      span.end()
      ended.inc()
    },
  }
}

/** Counts what arrived, and says in the log, now and then, that something did not. */
function watched(
  exporter: SpanExporter,
  { exported, log }: { exported: Counter; log: Logger },
): SpanExporter {
  let warnedAt = -Infinity
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (!result.error) exported.inc(spans.length)
        else if (performance.now() - warnedAt > warnEveryMs) {
          warnedAt = performance.now()
          log.warn({ err: result.error, spans: spans.length }, 'the collector of traces does not take spans')
        }
        done(result)
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  }
}
