import { Counter, Histogram, type Registry } from 'prom-client'

export function createMediaMetrics(registry: Registry) {
  return {
    uploads: new Counter({
      name: 'parley_media_uploads_total',
      help: 'Uploads begun, completed, and refused at completion',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    processed: new Counter({
      name: 'parley_media_processed_total',
      help: 'Uploads by what became of them: ready, or why not',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    processing: new Histogram({
      name: 'parley_media_processing_seconds',
      help: 'From taking an upload in hand to its being ready or failed',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
      registers: [registry],
    }),
    swept: new Counter({
      name: 'parley_media_swept_total',
      help: 'What the sweep found: uploads to queue again, tickets that ended, media looked at and collected, objects nobody refers to, of which some were kept by the store',
      labelNames: ['kind'],
      registers: [registry],
    }),
  }
}

export type MediaMetrics = ReturnType<typeof createMediaMetrics>
