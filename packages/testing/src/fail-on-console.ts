import { format } from 'node:util'
import { afterAll, afterEach } from 'vitest'

// What a service has to say goes to its logger; a line on the console is a mistake somebody left behind.
const said: string[] = []

for (const method of ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const) {
  Object.assign(console, {
    [method]: (...args: unknown[]) => {
      said.push(`console.${method}: ${format(...args)}`)
    },
  })
}

function check(): void {
  if (said.length > 0)
    throw new Error(`a test is silent, and this was printed:\n${said.splice(0).join('\n')}`)
}

afterEach(check)
afterAll(check)
