import type { ErrorBody } from '@parley/shared/errors'
import type { MediaObject } from '@parley/shared/media'
import { vi } from 'vitest'

interface ClientOptions {
  url: string
  /** What links begin with, which leads to `url` where there is an ingress. */
  publicUrl: string
  token: string
  userId: string
  sessionId: string
}

export interface Ticket {
  mediaId: string
  upload: { method: string; url: string; headers: Record<string, string> }
  expiresAt: string
}

export interface Answer<T> {
  status: number
  headers: Headers
  body: T & { error?: ErrorBody }
}

/** A client as an app would be one: tickets, uploads and downloads over HTTP. */
export function createClient({ url, publicUrl, token, userId, sessionId }: ClientOptions) {
  async function ask<T>(
    method: string,
    path: string,
    body?: unknown,
    more: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...more,
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: (text ? JSON.parse(text) : {}) as Answer<T>['body'],
    }
  }

  const reach = (link: string) => link.replace(publicUrl, url)

  const client = {
    userId,
    sessionId,
    ask,
    reach,

    token,

    begin: (contentType: string, sizeBytes: number, fileName = 'a file') =>
      ask<Ticket>('POST', '/v1/media/uploads', { fileName, contentType, sizeBytes }),

    put: (ticket: Ticket, bytes: Buffer | string, headers: Record<string, string> = {}) =>
      fetch(reach(ticket.upload.url), {
        method: ticket.upload.method,
        headers: { ...ticket.upload.headers, ...headers },
        body: new Uint8Array(Buffer.from(bytes)),
      }),

    complete: (mediaId: string) => ask<MediaObject>('POST', `/v1/media/uploads/${mediaId}/complete`),

    look: (mediaId: string) => ask<MediaObject>('GET', `/v1/media/${mediaId}?format=json`),

    /** Ticket, bytes and completion. */
    async upload(contentType: string, bytes: Buffer, fileName?: string) {
      const { body: ticket } = await client.begin(contentType, bytes.length, fileName)
      await client.put(ticket, bytes)
      return { ticket, ...(await client.complete(ticket.mediaId)) }
    },

    /** Waits until the worker has decided. */
    async settled(mediaId: string): Promise<MediaObject> {
      const decided = async () => {
        const { body } = await client.look(mediaId)
        return body.status === 'ready' || body.status === 'failed' ? body : undefined
      }
      return vi.waitUntil(decided, { interval: 30 })
    },

    async ready(contentType: string, bytes: Buffer, fileName?: string): Promise<MediaObject> {
      const { body } = await client.upload(contentType, bytes, fileName)
      return client.settled(body.mediaId)
    },

    /** Follows the redirect of media or of its thumbnail. */
    async download(
      mediaId: string,
      part: '' | '/thumbnail' | '/preview' | '/playable' = '',
      headers: Record<string, string> = {},
    ) {
      const { headers: given } = await ask('GET', `/v1/media/${mediaId}${part}`, undefined, headers)
      const response = await fetch(reach(given.get('location') ?? ''), { headers })
      return { response, bytes: Buffer.from(await response.arrayBuffer()) }
    },
  }
  return client
}
