import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { KubernetesObject } from './render.ts'

/** Where the types of an API's kinds are, by apiVersion; a kind that is not there is an error. */
export type TypeSource = (object: KubernetesObject) => { module: string; type: string }

/** The kinds of today's API server and of the operators that components speak to. */
export const currentTypes: TypeSource = ({ apiVersion, kind }) => {
  const crds: Record<string, string> = {
    'gateway.networking.k8s.io': 'gateway-api',
    'keda.sh': 'keda',
    'external-secrets.io': 'external-secrets',
    'monitoring.coreos.com': 'prometheus-operator',
  }
  const [group = ''] = apiVersion.split('/')
  const source = crds[group] ? `@kubernetes-models/${crds[group]}` : 'kubernetes-models'
  return { module: `${source}/${apiVersion}/${kind}`, type: `I${kind}` }
}

/** The kinds of a 1.21 API server, which knows all that one of 1.20 does. */
export const typesOf121: TypeSource = ({ apiVersion, kind }) => ({
  module: `kubernetes-types-1.21/${apiVersion === 'v1' ? 'core/v1' : apiVersion.replace('.k8s.io', '')}`,
  type: kind,
})

/**
 * What the compiler says of the objects as literals of their types: unknown fields and wrong types by name, one
 * line each. An API server drops the first in silence.
 */
export async function checkTypes(objects: KubernetesObject[], typesOf: TypeSource): Promise<string[]> {
  // Here, so that the modules resolve.
  const cache = path.resolve(import.meta.dirname, '../node_modules/.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(path.join(cache, 'types-'))
  try {
    await Promise.all(
      objects.map((object, i) => {
        const { module, type } = typesOf(object)
        const lines = [
          `import type { ${type} } from '${module}'`,
          `export const it: ${type} = ${JSON.stringify(object, null, 2)}`,
        ]
        return writeFile(
          path.join(folder, `${i}-${object.kind}-${object.metadata.name}.ts`),
          lines.join('\n'),
        )
      }),
    )
    const options = {
      module: 'esnext',
      moduleResolution: 'bundler',
      types: [],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      noErrorTruncation: true,
    }
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}')
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }))
    const output = await compile(folder)
    return output.split('\n').filter((line) => line.includes('error TS'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function compile(folder: string): Promise<string> {
  const tsc = path.resolve(import.meta.dirname, '../../../node_modules/.bin/tsc')
  return new Promise((resolve, reject) => {
    execFile(tsc, ['-p', '.'], { cwd: folder }, (err, stdout, stderr) => {
      // 2 is "there are errors"; anything else is a compiler that did not work.
      if (err && err.code !== 2 && err.code !== 1)
        reject(new Error(`tsc failed\n${stdout}${stderr}`, { cause: err }))
      else resolve(stdout)
    })
  })
}
