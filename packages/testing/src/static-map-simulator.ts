import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a provider of maps may do instead of drawing one. */
export type MapFault = 'down' | 'silent' | 'a page' | 'too much' | 'elsewhere' | 'broken off'

export interface StaticMapSimulator extends AsyncDisposable {
  /** With `{latitude}`, `{longitude}`, `{zoom}`, `{width}`, `{height}` and a key, as providers have it. */
  template: string
  key: string
  /** The addresses it was asked, oldest first. */
  asked: URL[]
  fault: MapFault | undefined
}

/**
 * Stands where a provider of static maps stands: one address with a key, a place and a size in it, and a picture for an
 * answer; 403 without the key, 400 for a place that is none.
 *
 * @param picture what it answers with
 */
export async function startStaticMapSimulator(picture: Buffer): Promise<StaticMapSimulator> {
  const key = 'a key that costs money'
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://maps.invalid')
    simulator.asked.push(url)
    const send = (status: number, type: string, body: string | Buffer) =>
      response.writeHead(status, { 'content-type': type }).end(body)
    const [latitude, longitude] = (url.searchParams.get('center') ?? '').split(',').map(Number)
    const isPlace = Math.abs(latitude ?? Number.NaN) <= 90 && Math.abs(longitude ?? Number.NaN) <= 180
    if (simulator.fault === 'silent') return
    if (simulator.fault === 'down') return send(503, 'text/plain', 'down')
    if (simulator.fault === 'a page')
      return send(200, 'image/png', '<!doctype html><script>alert(1)</script>')
    if (simulator.fault === 'too much') return send(200, 'image/png', Buffer.alloc(4 * 1024 ** 2, picture))
    if (simulator.fault === 'elsewhere') return response.writeHead(302, { location: '/other' }).end()
    if (simulator.fault === 'broken off') {
      response.writeHead(200, { 'content-length': picture.length }).write(picture.subarray(0, 100))
      return response.destroy()
    }
    if (url.searchParams.get('key') !== key) return send(403, 'text/plain', 'no key')
    return isPlace ? send(200, 'image/png', picture) : send(400, 'text/plain', 'no place')
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const query = `center={latitude},{longitude}&zoom={zoom}&size={width}x{height}&key=${encodeURIComponent(key)}`
  const simulator: StaticMapSimulator = {
    template: `http://127.0.0.1:${port}/static?${query}`,
    key,
    asked: [],
    fault: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return simulator
}
