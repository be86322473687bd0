import { currentTypes } from './check-types.ts'
import type { KubernetesObject } from './render.ts'

type Model = new (object: KubernetesObject) => { validate(): void }
export type Models = Map<string, Model>

const keyOf = ({ apiVersion, kind }: KubernetesObject) => `${apiVersion}/${kind}`

/** The validators of the kinds among these objects, compiled from the published schemas. */
export async function loadModels(objects: KubernetesObject[]): Promise<Models> {
  const kinds = new Map(objects.map((object) => [keyOf(object), object]))
  const loaded = await Promise.all(
    [...kinds].map(async ([key, object]): Promise<[string, Model]> => {
      const module = (await import(currentTypes(object).module)) as Record<string, Model>
      const model = module[object.kind]
      if (!model) throw new Error(`${key} is not among the models`)
      return [key, model]
    }),
  )
  return new Map(loaded)
}

/** What is missing or not of its format. */
export function formatErrors(models: Models, object: KubernetesObject): string[] {
  const model = models.get(keyOf(object))
  if (!model) return [`${keyOf(object)} has no model`]
  try {
    new model(object).validate()
    return []
  } catch (err) {
    return [`${keyOf(object)} ${object.metadata.name}: ${String(err)}`]
  }
}
