import type { NodeStatus } from '@parley/shared/admin'
import { AppError, type ErrorBody } from '@parley/shared/errors'
import type { Config } from './config.ts'

const answerWithinMs = 10_000

export interface Node {
  url: string
  /** Absent if it does not answer. */
  status?: NodeStatus
  /** Why it does not. */
  problem?: string
  /** Its clock less ours, give or take half of what the question took. */
  skewMs?: number
}

/** The nodes of a cluster, over their internal ports. Errors: `unavailable`, and what a node answers. */
export function createNodes({ nodes: urls, secret }: Config) {
  async function ask<T>(url: string, method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(new URL(path, url), {
      method,
      headers: {
        'x-parley-internal': secret,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(answerWithinMs),
    }).catch((cause: unknown) => {
      throw new AppError('unavailable', `${url} does not answer`, { cause })
    })
    const text = await response.text()
    const answer: unknown = text === '' ? {} : JSON.parse(text)
    if (!response.ok) throw AppError.fromBody((answer as { error: ErrorBody }).error)
    return answer as T
  }

  async function look(url: string): Promise<Node> {
    const askedAt = Date.now()
    try {
      const status = await ask<NodeStatus>(url, 'GET', '/admin/status')
      const middle = askedAt + (Date.now() - askedAt) / 2
      return { url, status, skewMs: Math.round(Date.parse(status.time) - middle) }
    } catch (cause) {
      return { url, problem: (cause as Error).message }
    }
  }

  const list = () => Promise.all(urls.map(look))
  async function listOf(service: string): Promise<(Node & { status: NodeStatus })[]> {
    const found = (await list()).filter(
      (node): node is Node & { status: NodeStatus } => node.status?.service === service,
    )
    if (found.length === 0) throw new AppError('unavailable', `no node of ${service} answers`)
    return found
  }
  return {
    ask,
    list,
    listOf,
    /** Any one node of a service, for what all of them know. */
    async askOne<T>(service: string, method: string, path: string, body?: object): Promise<T> {
      const [node] = await listOf(service)
      return ask<T>(node?.url ?? '', method, path, body)
    },
  }
}

export type Nodes = ReturnType<typeof createNodes>
