import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { findKubectl } from './kubectl.ts'

const run = promisify(execFile)

/** An object as the API server gets it: what every one has, and the rest as it is. */
export const KubernetesObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().exactOptional(),
    labels: z.record(z.string(), z.string()).exactOptional(),
    annotations: z.record(z.string(), z.string()).exactOptional(),
  }),
})
export type KubernetesObject = z.output<typeof KubernetesObject>

/** What `kubectl apply -k` would send. No cluster and no network are needed. */
export async function renderText(folder: string): Promise<string> {
  const { stdout } = await run(await findKubectl(), ['kustomize', folder], { maxBuffer: 16 * 1024 * 1024 })
  return stdout
}

export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => KubernetesObject.parse(document.toJS()))
}
