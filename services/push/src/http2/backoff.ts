const firstMs = 100
const mostMs = 10_000

/** How long to wait after so many failures in a row: doubling, bounded, and spread so that workers do not return together. */
export function reconnectDelayMs(failures: number): number {
  return Math.min(firstMs * 2 ** Math.min(failures - 1, 10), mostMs) * (0.5 + Math.random() / 2)
}
