// The way in from any Node 20 or newer with nothing installed: `start` and `test` bring the exact tools the
// project names into node_modules, once, and then run on the Node that lies there.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const inRoot = (...parts) => path.join(root, ...parts)
const stamp = inRoot('node_modules', '.parley-installed')
const installCommand = [
  '--yes',
  'pnpm@12.21.0',
  'install',
  '--frozen-lockfile',
  '--config.confirmModulesPurge=false',
  // The version is the one named here; pnpm need not fetch itself a second time.
  '--config.pmOnFail=ignore',
  // More connections at once make some proxies stall.
  '--config.networkConcurrency=8',
]

const commands = {
  start: [inRoot('infra/local/src/main.ts')],
  test: [inRoot('node_modules/vitest/vitest.mjs'), 'run'],
}

const [name = '', ...args] = process.argv.slice(2)
if (!Object.hasOwn(commands, name)) {
  process.stderr.write(`say one of: ${Object.keys(commands).join(', ')}\n`)
  process.exit(2)
}

const wanted = fingerprint()
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  process.stdout.write('installing what pnpm-lock.yaml names\n')
  const code = await run('npx', installCommand)
  if (code !== 0) {
    process.stderr.write('the packages could not be installed; the lines above say why\n')
    process.exit(code)
  }
  writeFileSync(stamp, wanted)
}

const tools = [inRoot('node_modules/.bin'), process.env.PATH].join(path.delimiter)
process.exit(await run(inRoot('node_modules/.bin/node'), [...commands[name], ...args], { PATH: tools }))

function byText(a, b) {
  return a < b ? -1 : 1
}

/** Changes whenever an install would give something else. */
function fingerprint() {
  const hash = createHash('sha256')
  const manifests = ['packages', 'services', 'infra'].flatMap((folder) =>
    readdirSync(inRoot(folder))
      .toSorted(byText)
      .map((entry) => path.join(folder, entry, 'package.json')),
  )
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]
  for (const file of files)
    if (existsSync(inRoot(file))) hash.update(`${file}\n`).update(readFileSync(inRoot(file)))
  return hash.digest('hex')
}

/** Runs a program in our place: its streams are ours, signals are passed on, its exit code comes back. */
function run(file, parameters, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, parameters, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' })
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    const passOn = (signal) => child.kill(signal)
    for (const signal of signals) process.on(signal, passOn)
    const settle = (code) => {
      for (const signal of signals) process.off(signal, passOn)
      resolve(code)
    }
    child.on('error', (error) => {
      process.stderr.write(`${file} cannot be run: ${error.message}\n`)
      settle(1)
    })
    child.on('close', (code, signal) => settle(code ?? 128 + constants.signals[signal]))
  })
}
