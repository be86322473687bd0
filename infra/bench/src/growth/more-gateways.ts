import { spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Stack } from '@parley/local/stack'
import { findFreePort } from '@parley/testing/free-port'
import { limitsLifted } from '../bench-stack.ts'
import { endWithThis } from '../end-with-this.ts'

interface Gateway {
  url: string
  pid: number
}

const main = path.resolve(import.meta.dirname, '../../../../services/gateway/src/main.ts')

/** Gateways beside the two of a stack, as it runs those. They end without a drain. */
export async function startMoreGateways(
  stack: Stack,
  count: number,
): Promise<AsyncDisposable & { gateways: Gateway[] }> {
  await using opened = new AsyncDisposableStack()
  const gateways: Gateway[] = []
  for (let i = 0; i < count; i++) {
    const [port, internalPort] = [await findFreePort(), await findFreePort()].map(String)
    const options: SpawnOptions = {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...limitsLifted,
        GATEWAY_ID: `more-${i}`,
        HOST: '127.0.0.1',
        PORT: port,
        INTERNAL_PORT: internalPort,
        LOG_LEVEL: 'warn',
        INTERNAL_SECRET: stack.internalSecret,
        REDIS_URL: stack.urls.redis,
        MESSAGES_URLS: stack.urls.messagesInternal,
        AUTH_JWKS_URL: `${stack.urls.messages}/v1/jwks`,
      },
    }
    const child = endWithThis(spawn(process.execPath, [main], options))
    opened.defer(async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    })
    while (!(await isReady(internalPort ?? ''))) await wait(100)
    gateways.push({ url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0 })
  }
  const owned = opened.move()
  return { gateways, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function isReady(port: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
  return answer?.ok ?? false
}
