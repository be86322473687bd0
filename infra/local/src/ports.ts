import { connect, createServer } from 'node:net'
import { findFreePort } from '@parley/testing/free-port'
import { StackError } from './stack-error.ts'

/** Where the parts of a stack listen, with the variable that moves each. */
export const portVariables = {
  app: 'PARLEY_PORT',
  gateway1: 'PARLEY_GATEWAY_1_PORT',
  gateway2: 'PARLEY_GATEWAY_2_PORT',
  inspector: 'PARLEY_INSPECTOR_PORT',
  postgres: 'PARLEY_POSTGRES_PORT',
  redis: 'PARLEY_REDIS_PORT',
  messages: 'PARLEY_MESSAGES_PORT',
  messagesInternal: 'PARLEY_MESSAGES_INTERNAL_PORT',
  media: 'PARLEY_MEDIA_PORT',
  mediaInternal: 'PARLEY_MEDIA_INTERNAL_PORT',
  pushInternal: 'PARLEY_PUSH_INTERNAL_PORT',
  gateway1Internal: 'PARLEY_GATEWAY_1_INTERNAL_PORT',
  gateway2Internal: 'PARLEY_GATEWAY_2_INTERNAL_PORT',
} as const

type PortName = keyof typeof portVariables
export type Ports = Record<PortName, number>

export const defaultPorts: Ports = {
  app: 8080,
  gateway1: 8081,
  gateway2: 8082,
  inspector: 8090,
  postgres: 5433,
  redis: 6380,
  messages: 3001,
  messagesInternal: 3101,
  media: 3002,
  mediaInternal: 3102,
  pushInternal: 3103,
  gateway1Internal: 3111,
  gateway2Internal: 3112,
}

const names = Object.keys(portVariables) as PortName[]

/** Where second instances of what is otherwise there once listen. */
export interface SecondPorts {
  messages: number
  messagesInternal: number
  media: number
  mediaInternal: number
  pushInternal: number
}

/** Ports nobody uses, for second instances beside those that are taken already. */
export async function findSecondPorts(taken: Ports): Promise<SecondPorts> {
  const used = new Set(Object.values(taken))
  const find = async () => {
    for (;;) {
      const port = await findFreePort()
      if (!used.has(port)) return port
    }
  }
  return {
    messages: await find(),
    messagesInternal: await find(),
    media: await find(),
    mediaInternal: await find(),
    pushInternal: await find(),
  }
}

/** Ports nobody uses, for a second stack beside whatever runs already. */
export async function findFreePorts(): Promise<Ports> {
  const ports = { ...defaultPorts }
  for (const name of names) ports[name] = await findFreePort()
  return ports
}

/** Throws a sentence that names the port and the variable that changes it. */
export async function checkPorts(ports: Ports): Promise<void> {
  const taken = await Promise.all(
    names.map(async (name) =>
      (await isTaken(ports[name])) ? [`${ports[name]} (${portVariables[name]})`] : [],
    ),
  )
  const list = taken.flat()
  if (list.length === 0) return
  throw new StackError(
    list.length === 1
      ? `port ${list[0]} is used by another program: stop that, or set the variable to a free port`
      : `ports ${list.join(', ')} are used by other programs: stop those, or set the variables to free ports`,
  )
}

async function isTaken(port: number): Promise<boolean> {
  return (await answers(port)) || !(await canListen(port))
}

// A listener on all interfaces does not stop a second one on loopback everywhere; being answered tells.
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 500 })
    const settle = (taken: boolean) => {
      socket.destroy()
      resolve(taken)
    }
    socket.once('connect', () => settle(true))
    socket.once('timeout', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
