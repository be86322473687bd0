import type { SeatedClient } from './seated-client.ts'

const everyMs = 1_000
const slices = 50

/** Has each client say once a second what it has heard. Not all in the same moment, since clients know nothing of each other. */
export function acknowledgeInTurn(clients: SeatedClient[]): Disposable {
  let slice = 0
  const timer = setInterval(() => {
    for (let i = slice; i < clients.length; i += slices) clients[i]?.acknowledge()
    slice = (slice + 1) % slices
  }, everyMs / slices)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
