import { vi } from 'vitest'

// Vitest gives up on an event after a second, which a busy machine may need for one. What never comes fails all the same.
const withinMs = 15_000
const stock = vi.waitUntil
vi.waitUntil = (condition, options) =>
  stock(condition, typeof options === 'number' ? options : { timeout: withinMs, ...options })
