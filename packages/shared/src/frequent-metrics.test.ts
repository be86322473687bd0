import fc from 'fast-check'
import { Counter, Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createFrequentCounter, createFrequentHistogram } from './frequent-metrics.ts'

const described = { name: 'parley_test_seconds', help: 'A test' }
const buckets = [0.005, 0.1, 1, 15]
const values = fc.oneof(fc.constantFrom(...buckets, 0, 16), fc.double({ min: 0, max: 20, noNaN: true }))

/** As a service has it: every metric says which one it is of. */
function createRegistry() {
  const registry = new Registry()
  registry.setDefaultLabels({ service: 'test' })
  return registry
}

/** What is scraped, but for the order of labels, which means nothing. */
async function linesOf(registry: Registry): Promise<string[]> {
  const text = await registry.metrics()
  return text
    .split('\n')
    .map((line) =>
      line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').toSorted().join(',')}}`),
    )
}

test('what is scraped of a histogram is what prom-client would say, with a label and without', async () => {
  const observations = fc.array(fc.tuple(fc.constantFrom('message:send', 'sync', 'unknown'), values))
  await fc.assert(
    fc.asyncProperty(observations, async (observed) => {
      const [theirs, ours] = [createRegistry(), createRegistry()]
      const plain = new Histogram({ ...described, buckets, registers: [theirs] })
      const labelled = new Histogram({
        ...described,
        name: 'parley_labelled',
        buckets,
        labelNames: ['event'],
        registers: [theirs],
      })
      const frequent = createFrequentHistogram({ ...described, buckets, registers: ours })
      const frequentLabelled = createFrequentHistogram({
        ...described,
        name: 'parley_labelled',
        buckets,
        labelName: 'event',
        registers: ours,
      })
      for (const [event, value] of observed) {
        plain.observe(value)
        labelled.observe({ event }, value)
        frequent.observe(value)
        frequentLabelled.observe(value, event)
      }
      expect(await linesOf(ours)).toEqual(await linesOf(theirs))
    }),
  )
})

test('a counter is added up between two scrapes and goes on after them', async () => {
  const [theirs, ours] = [createRegistry(), createRegistry()]
  const options = { ...described, labelNames: ['event', 'outcome'] as ['event', 'outcome'] }
  const counter = new Counter({ ...options, registers: [theirs] })
  const frequent = createFrequentCounter({ ...options, registers: ours })
  for (const outcome of ['ok', 'ok', 'rate_limited']) {
    counter.inc({ event: 'sync', outcome })
    frequent.inc('sync', outcome)
    expect(await ours.metrics()).toBe(await theirs.metrics())
  }
})
