import { Counter, type Metric, type Registry } from 'prom-client'

interface Options {
  name: string
  help: string
  registers: Registry
}

interface HistogramOptions extends Options {
  /** Upper bounds, ascending. */
  buckets: number[]
  labelName?: string
}

interface CounterOptions<Name extends string> extends Options {
  labelNames: [Name, Name]
}

interface Series {
  sum: number
  /** How many fell into each bucket and into none before it, those above the last bound at the end. */
  counts: number[]
}

/**
 * A histogram for what happens thousands of times a second. One of prom-client finds a bucket by the text of its bound and
 * makes several objects for each observation, which was a twentieth of what a gateway did. What is scraped is the same.
 */
export function createFrequentHistogram({ name, help, registers, buckets, labelName }: HistogramOptions) {
  const series = new Map<string, Series>()
  if (labelName === undefined) open('')

  function open(label: string): Series {
    const opened = { sum: 0, counts: [...buckets, Infinity].map(() => 0) }
    series.set(label, opened)
    return opened
  }

  function valuesOf([label, { sum, counts }]: [string, Series]) {
    const labels = labelName === undefined ? {} : { [labelName]: label }
    let count = 0
    const cumulated = counts.map((inBucket, i) => {
      count += inBucket
      return { metricName: `${name}_bucket`, labels: { le: buckets[i] ?? '+Inf', ...labels }, value: count }
    })
    return [
      ...cumulated,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }

  const metric = {
    name,
    help,
    type: 'histogram',
    get: async () => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [...series].flatMap(valuesOf),
    }),
    reset: () => series.clear(),
  }
  // By its types a registry takes only prom-client's own classes; it asks of them no more than this.
  registers.registerMetric(metric as unknown as Metric)

  return {
    observe(value: number, label = ''): void {
      const of = series.get(label) ?? open(label)
      let bucket = 0
      while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket++
      of.counts[bucket] = (of.counts[bucket] ?? 0) + 1
      of.sum += value
    },
  }
}

/** The same of a counter with two labels: what is counted is added up here and given to prom-client when it is asked. */
export function createFrequentCounter<Name extends string>({ labelNames, ...options }: CounterOptions<Name>) {
  const [first, second] = labelNames
  const counted = new Map<string, Map<string, number>>()
  new Counter({
    ...options,
    registers: [options.registers],
    labelNames,
    collect() {
      for (const [of, numbers] of counted)
        for (const [which, number] of numbers) this.inc({ [first]: of, [second]: which } as never, number)
      counted.clear()
    },
  })

  return {
    inc(of: string, which: string): void {
      let numbers = counted.get(of)
      if (!numbers) counted.set(of, (numbers = new Map()))
      numbers.set(which, (numbers.get(which) ?? 0) + 1)
    },
  }
}
