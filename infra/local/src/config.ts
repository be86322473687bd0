import path from 'node:path'
import { parseEnv, port } from '@parley/shared/env'
import { z } from 'zod'
import { defaultPorts, type Ports, portVariables } from './ports.ts'

type PortEnv = { [Name in keyof typeof portVariables as (typeof portVariables)[Name]]: typeof port }

const portEnv = Object.fromEntries(
  Object.entries(portVariables).map(([name, variable]) => [
    variable,
    port.min(1).default(defaultPorts[name as keyof Ports]),
  ]),
) as unknown as PortEnv

export const Env = z.object({
  /** Where everything the stack keeps lies. */
  PARLEY_STATE_DIR: z.string().default('.parley'),
  /** The address the origin and the gateways listen on: 0.0.0.0 lets other devices in. */
  PARLEY_HOST: z.string().default('127.0.0.1'),
  /** What of the services' logs is shown on the terminal. */
  PARLEY_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('warn'),
  ...portEnv,
})

const levelNumbers = { debug: 20, info: 30, warn: 40, error: 50 } as const

export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Env, env)
  const ports = Object.fromEntries(
    Object.entries(portVariables).map(([name, variable]) => [name, parsed[variable]]),
  ) as Ports
  return {
    stateDir: path.resolve(parsed.PARLEY_STATE_DIR),
    host: parsed.PARLEY_HOST,
    terminalLevel: levelNumbers[parsed.PARLEY_LOG_LEVEL],
    ports,
  }
}
