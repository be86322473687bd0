import { ConfigError } from '@parley/shared/env'
import { AppError } from '@parley/shared/errors'
import { runCommand, UsageError } from './run-command.ts'

try {
  const { json, data, text, failed } = await runCommand(process.argv.slice(2), process.env)
  process.stdout.write(`${json ? JSON.stringify(data) : text}\n`)
  if (failed) process.exitCode = 1
} catch (cause) {
  const known = [UsageError, ConfigError, AppError].some((type) => cause instanceof type)
  const text = cause instanceof Error ? (known ? cause.message : cause.stack) : String(cause)
  process.stderr.write(`${text}\n`)
  process.exitCode = cause instanceof UsageError ? 2 : 1
}
