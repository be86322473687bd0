import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { type CredentialSet, readCredentialSet } from './credential-set.ts'

export interface BrokenSet {
  name: string
  /** Names fields, shows no value. */
  problem: string
}

export interface ReadSets {
  sets: CredentialSet[]
  broken: BrokenSet[]
}

const maxSets = 64
const maxFileBytes = 64 * 1024

/**
 * Reads a folder of credentials: each `<name>.json` is a set, and one that cannot be read is a matter of that one
 * alone. The folder may be a mounted Kubernetes secret, whose files are links that are swapped all at once. At most
 * 64 sets, so that their names may label metrics.
 */
export async function readCredentialFiles(folder: string): Promise<ReadSets> {
  const files = (await readdir(folder))
    .filter((file) => /^[a-z0-9][a-z0-9._-]{0,63}\.json$/.test(file))
    .toSorted()
  const read: ReadSets = { sets: [], broken: [] }
  for (const [i, file] of files.entries()) {
    const name = file.slice(0, -'.json'.length)
    try {
      if (i >= maxSets) throw new SyntaxError(`more than ${maxSets} sets`)
      read.sets.push(readCredentialSet(name, parseJson(await readFile(path.join(folder, file), 'utf8'))))
    } catch (err) {
      read.broken.push({ name, problem: problemOf(err) })
    }
  }
  return read
}

function parseJson(text: string): unknown {
  if (text.length > maxFileBytes) throw new SyntaxError('too large')
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes what it could not read.
    throw new SyntaxError('not JSON')
  }
}

function problemOf(err: unknown): string {
  if (err instanceof z.ZodError) return z.prettifyError(err)
  return err instanceof Error ? err.message : 'cannot be read'
}
