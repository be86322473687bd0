import type { Api } from '@parley/testing/chat-api'
import { until } from './until.ts'

interface MediaObject {
  mediaId: string
  status: string
}

/** Uploads as an app does, ticket, bytes and completion, and waits until the media may be sent. */
export async function uploadPhoto(api: Api, token: string, bytes: Buffer): Promise<string> {
  const ticket = await api.post(
    '/v1/media/uploads',
    { fileName: 'seeding.jpg', contentType: 'image/jpeg', sizeBytes: bytes.length },
    token,
  )
  if (ticket.status !== 201) throw new Error(`no ticket: ${JSON.stringify(ticket.body)}`)
  const { mediaId, upload } = ticket.body as unknown as {
    mediaId: string
    upload: { method: string; url: string; headers: Record<string, string> }
  }
  const put = await fetch(upload.url, {
    method: upload.method,
    headers: upload.headers,
    body: new Uint8Array(bytes),
  })
  if (!put.ok) throw new Error(`upload was answered ${put.status}: ${await put.text()}`)
  const completed = await api.post(`/v1/media/uploads/${mediaId}/complete`, {}, token)
  if (completed.status >= 300) throw new Error(`upload was not completed: ${JSON.stringify(completed.body)}`)
  await until('the photo to be ready', async () => {
    const { body } = await api.get(`/v1/media/${mediaId}?format=json`, token)
    const media = body as unknown as MediaObject
    if (media.status === 'failed') throw new Error('the photo could not be processed')
    return media.status === 'ready'
  })
  return mediaId
}

/** Follows the link to what a person would see. */
export async function download(
  app: string,
  path: string,
  token: string,
): Promise<{ status: number; bytes: Buffer }> {
  const response = await fetch(new URL(path, app), {
    headers: { authorization: `Bearer ${token}` },
    redirect: 'manual',
  })
  const location = response.headers.get('location')
  if (response.status !== 302 || !location) return { status: response.status, bytes: Buffer.alloc(0) }
  const file = await fetch(new URL(location, app))
  return { status: file.status, bytes: Buffer.from(await file.arrayBuffer()) }
}
