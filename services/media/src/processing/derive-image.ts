import path from 'node:path'
import { type Derived, noFacts, type Refused, refused, type Source } from './derived.ts'
import { chatForms, type FormPlan } from './form-plans.ts'
import type { ImageProcesses } from './image-processes.ts'
import type { TransformReply, TransformRequest } from './transform.ts'

type Transformed = Extract<TransformReply, { ok: true }>

/** An image fit to show, upright and without its metadata, and smaller pictures of it. */
export async function deriveImage(images: ImageProcesses, source: Source): Promise<Derived | Refused> {
  const reply = await transform(images, { ...source, shown: true, fit: 'inside', forms: chatForms })
  if (!reply.ok) return reply
  const { shown, width, height, animated, thumbhash } = reply
  if (!shown) throw new Error('image process: nothing to show')
  const file = path.join(source.directory, shown.file)
  return {
    ok: true,
    shown: { file, contentType: shown.contentType },
    forms: formsIn(source.directory, reply),
    facts: { ...noFacts, width, height, animated, thumbhash },
  }
}

/** Pictures made of a picture that itself stays as it is. */
export async function makeForms(
  images: ImageProcesses,
  request: Pick<TransformRequest, 'file' | 'directory' | 'contentType' | 'fit' | 'forms'>,
): Promise<({ ok: true } & Pick<Derived, 'forms'>) | Refused> {
  const reply = await transform(images, { ...request, shown: false })
  return reply.ok ? { ok: true, forms: formsIn(request.directory, reply) } : reply
}

/** Smaller pictures of a picture that was made here and is not kept. */
export async function derivePoster(
  images: ImageProcesses,
  { file, directory, forms }: { file: string; directory: string; forms: FormPlan[] },
): Promise<Pick<Derived, 'forms'> & { thumbhash: string }> {
  const request = { file, directory, contentType: 'image/png', shown: false, fit: 'inside', forms } as const
  const reply = await transform(images, request)
  if (!reply.ok) throw new Error(`image process: a frame of a film is ${reply.failure}`)
  return { forms: formsIn(directory, reply), thumbhash: reply.thumbhash }
}

async function transform(images: ImageProcesses, request: TransformRequest): Promise<Transformed | Refused> {
  const reply = await images.transform(request)
  if (reply.ok) return reply
  if (reply.failure === 'internal') throw new Error(`image process: ${reply.reason}`)
  return refused(reply.failure)
}

function formsIn(directory: string, { forms }: Transformed): Derived['forms'] {
  return forms.map(({ name, contentType, width, height, file }) => ({
    name: name as Derived['forms'][number]['name'],
    contentType,
    width,
    height,
    file: path.join(directory, file),
  }))
}
