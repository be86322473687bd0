import { describe, expect, test as base } from 'vitest'
import { createSilence } from './silence.ts'

const test = base.extend('world', async ({}) => {
  let at = 0
  return {
    silence: createSilence(() => at),
    pass: (ms: number): void => {
      at += ms
    },
  }
})

describe('a provider is silent', () => {
  test('when something waits, and nothing was answered for three seconds', ({ world: { silence, pass } }) => {
    expect(silence.silentMs('a')).toBe(0)
    using first = silence.listen('a')
    pass(2_999)
    expect(silence.silentMs('a')).toBe(0)
    using _second = silence.listen('a')
    pass(1)
    expect(silence.silentMs('a')).toBe(3_000)
    first.heard()
    expect(silence.silentMs('a')).toBe(0)
    pass(3_000)
    expect(silence.silentMs('a')).toBe(3_000)
    expect(silence.silentMs('b')).toBe(0)
  })

  test('not when it was asked nothing for long', ({ world: { silence, pass } }) => {
    const first = silence.listen('a')
    first.heard()
    first[Symbol.dispose]()
    pass(60_000)
    using _second = silence.listen('a')
    expect(silence.silentMs('a')).toBe(0)
  })

  test('after one has waited in vain, while another waits, until one is answered', ({
    world: { silence, pass },
  }) => {
    const first = silence.listen('a')
    pass(10_000)
    first[Symbol.dispose]()
    // One may ask.
    expect(silence.silentMs('a')).toBe(0)
    const second = silence.listen('a')
    expect(silence.silentMs('a')).toBe(10_000)
    second.heard()
    second[Symbol.dispose]()
    using _third = silence.listen('a')
    expect(silence.silentMs('a')).toBe(0)
  })

  test('not for one that failed at once, nor for one that waited while others were answered', ({
    world: { silence, pass },
  }) => {
    const failed = silence.listen('a')
    failed[Symbol.dispose]()
    const [waiting, answered] = [silence.listen('a'), silence.listen('a')]
    pass(2_000)
    answered.heard()
    answered[Symbol.dispose]()
    pass(2_000)
    waiting[Symbol.dispose]()
    using _next = silence.listen('a')
    expect(silence.silentMs('a')).toBe(0)
  })
})
