import { fork } from 'node:child_process'
import path from 'node:path'

export type CrowdRequest =
  /** Connects everybody, gently. */
  | { kind: 'gather'; url: string; authJsons: string[]; syncs: boolean }
  /** Where those go who lose their connection; what was measured before is forgotten. */
  | { kind: 'return-to'; url: string }
  /** Answered when everybody has lost a connection, has one again and has everything. */
  | { kind: 'until-synced' }
  | { kind: 'lacking'; lastSeqs: Record<string, number> }

/** Moments are milliseconds since the epoch, with fractions. */
export interface CrowdReport {
  members: {
    lostAt?: number | undefined
    /** When the node said that it goes away, if it did. */
    toldAt?: number | undefined
    backAt?: number | undefined
    syncedAt?: number | undefined
    refusals: number
  }[]
}

export interface Crowd extends Disposable {
  pid: number
  gather: (url: string, authJsons: string[], options: { syncs: boolean }) => Promise<void>
  returnTo: (url: string) => Promise<void>
  untilSynced: () => Promise<CrowdReport>
  lacking: (lastSeqs: Record<string, number>) => Promise<number>
}

/** Many light clients in a process of their own, so that neither they nor their parent are what is measured. */
export function startCrowd(): Crowd {
  const child = fork(path.join(import.meta.dirname, 'crowd-process.ts'), { serialization: 'advanced' })
  const answers = new Map<number, { resolve: (reply: never) => void; reject: (cause: Error) => void }>()
  let asked = 0
  child.on('message', ({ id, reply }: { id: number; reply: never }) => {
    answers.get(id)?.resolve(reply)
    answers.delete(id)
  })
  child.on('exit', () => {
    for (const { reject } of answers.values()) reject(new Error('the crowd is gone'))
  })
  const ask = <T>(request: CrowdRequest) =>
    new Promise<T>((resolve, reject) => {
      const id = ++asked
      answers.set(id, { resolve, reject })
      child.send({ id, ...request })
    })
  return {
    pid: child.pid ?? 0,
    gather: (url, authJsons, { syncs }) => ask({ kind: 'gather', url, authJsons, syncs }),
    returnTo: (url) => ask({ kind: 'return-to', url }),
    untilSynced: () => ask({ kind: 'until-synced' }),
    lacking: (lastSeqs) => ask({ kind: 'lacking', lastSeqs }),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}
