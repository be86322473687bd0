import type { Person } from '@parley/testing/chat-api'

interface Ticket {
  mediaId: string
  upload: { method: string; url: string; headers: Record<string, string> }
}

/** Uploads as an app does it, and says when each stage was over. */
export function createUploader(origin: string, { token }: Person) {
  const headers = { authorization: `Bearer ${token}` }

  async function ask<T>(method: string, path: string, body?: object): Promise<T> {
    const reply = await send(`${origin}${path}`, {
      method,
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`)
    return (await reply.json()) as T
  }

  return {
    async put(photo: Buffer): Promise<string> {
      const asked = { fileName: 'photo.jpg', contentType: 'image/jpeg', sizeBytes: photo.length }
      const { mediaId, upload } = await ask<Ticket>('POST', '/v1/media/uploads', asked)
      const { method, url } = upload
      const reply = await send(url, { method, headers: upload.headers, body: new Uint8Array(photo) })
      if (!reply.ok) throw new Error(`the bytes were not taken: ${reply.status}`)
      return mediaId
    },
    complete: (mediaId: string) => ask<unknown>('POST', `/v1/media/uploads/${mediaId}/complete`),
    async isReady(mediaId: string): Promise<boolean> {
      const { status } = await ask<{ status: string }>('GET', `/v1/media/${mediaId}?format=json`)
      if (status === 'failed') throw new Error(`${mediaId} failed`)
      return status === 'ready'
    },
  }
}

/** A connection that was kept may end just as it is used again; every client asks once more then. */
async function send(url: string, init: RequestInit, left = 3): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (cause) {
    if (left === 0) throw cause
    return send(url, init, left - 1)
  }
}
