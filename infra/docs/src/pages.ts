import { asyncapi } from './asyncapi.ts'
import { clientApi, internalApi, openapi, serverApi } from './openapi.ts'
import { protocolPage } from './protocol-page.ts'

/** What is made of the code, by the name it has in docs/. */
export async function makePages(): Promise<Record<string, string>> {
  return {
    'protocol.md': `${protocolPage()}\n`,
    'openapi.json': json(await openapi(clientApi)),
    'openapi.server.json': json(await openapi(serverApi)),
    'openapi.internal.json': json(await openapi(internalApi)),
    'asyncapi.json': json(asyncapi()),
  }
}

const json = (document: object) => `${JSON.stringify(document, undefined, 1)}\n`
