import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type KubernetesObject, parseObjects, renderText } from '../src/render.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const run = promisify(execFile)

export const overlays = ['dev', 'production', 'ci-k8s-1.20'] as const
export type Overlay = (typeof overlays)[number]

/** The overlays as an operator renders them, with secrets made as for a first start. */
export async function renderOverlays(): Promise<Record<Overlay, string>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-k8s-'))
  try {
    await cp(path.join(root, 'k8s'), folder, { recursive: true })
    const makeSecrets = path.join(root, 'infra/docker/make-secrets.mjs')
    await run(process.execPath, [makeSecrets, path.join(folder, 'overlays/dev/secrets')])
    const [dev, production, old] = await Promise.all(
      overlays.map((overlay) => renderText(path.join(folder, 'overlays', overlay))),
    )
    return { dev: dev ?? '', production: production ?? '', 'ci-k8s-1.20': old ?? '' }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The base with one component, by the component's name: those that no overlay uses are looked at too. */
export async function renderComponent(component: string): Promise<KubernetesObject[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-k8s-'))
  try {
    await cp(path.join(root, 'k8s'), folder, { recursive: true })
    const overlay = path.join(folder, 'overlays/one')
    await mkdir(overlay)
    const kustomization = { resources: ['../../base'], components: [`../../components/${component}`] }
    await writeFile(path.join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization))
    return parseObjects(await renderText(overlay))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const components = readdirSync(path.join(root, 'k8s/components'))

const texts = await renderOverlays()
export const rendered = {
  dev: parseObjects(texts.dev),
  production: parseObjects(texts.production),
  'ci-k8s-1.20': parseObjects(texts['ci-k8s-1.20']),
}
