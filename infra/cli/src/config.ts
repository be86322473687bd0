import { existsSync } from 'node:fs'
import path from 'node:path'
import { httpUrls, internalSecret, parseEnv } from '@parley/shared/env'
import { z } from 'zod'

const Env = z.object({
  PARLEY_STATE_DIR: z.string().default('.parley'),
  PARLEY_NODES: httpUrls.default([3101, 3102, 3103, 3111, 3112].map((port) => `http://127.0.0.1:${port}`)),
  INTERNAL_SECRET: internalSecret,
})

/** Where the nodes are, and what they want to be shown; of `npm start` on this machine where nothing is said. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const ofLocalStack = path.resolve(env['PARLEY_STATE_DIR'] || '.parley', 'secrets/internal-secret')
  const isSaid = Boolean(env['INTERNAL_SECRET'] || env['INTERNAL_SECRET_FILE'])
  const parsed = parseEnv(
    Env,
    isSaid || !existsSync(ofLocalStack) ? env : { ...env, INTERNAL_SECRET_FILE: ofLocalStack },
  )
  return { nodes: parsed.PARLEY_NODES, secret: parsed.INTERNAL_SECRET }
}

export type Config = ReturnType<typeof loadConfig>
