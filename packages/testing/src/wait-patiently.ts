import { vi } from 'vitest'

// Vitest gives up on an event after a second, which a busy machine may need for one. What never comes fails all the same.
const withinMs = 60_000
const { waitUntil, waitFor } = vi
vi.waitUntil = (condition, options) => waitUntil(condition, patient(options))
vi.waitFor = (callback, options) => waitFor(callback, patient(options))

const patient = (options?: number | { timeout?: number; interval?: number }) =>
  typeof options === 'number' ? options : { timeout: withinMs, ...options }
