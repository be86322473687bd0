import { Client, DatabaseError, type QueryResult } from 'pg'

/** Statements a process names; the code has fewer. */
const mostNames = 1_000
/** A list of values or rows that is written out: each length would be a statement of its own. */
const writtenOut = / in \(\$\d+, |\), \(\$/

const names = new Map<string, string>()
let generation = 0

function nameOf(text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined || names.size >= mostNames || writtenOut.test(text)) return known
  const name = `parley_${generation}_${names.size}`
  names.set(text, name)
  return name
}

/** Every name anew: what was planned under the old ones no longer fits the tables. */
function forgetPlans(): void {
  generation++
  names.clear()
}

/**
 * A connection on which a statement with parameters is parsed and planned once, however often it is run:
 * planning a read of a partitioned table costs more than the read.
 */
export class PreparingClient extends Client {
  #inTransaction = false

  // The signatures are pg's, of which the pool and kysely use this one.
  override query(...args: unknown[]): never {
    const [text, values] = args
    if (typeof text !== 'string') return this.#plain(args)
    this.#inTransaction = transactionAfter(text, this.#inTransaction)
    if (!Array.isArray(values) || values.length === 0 || args.length > 2) return this.#plain(args)
    return this.#prepared(text, values) as never
  }

  #plain(args: unknown[]): never {
    return (super.query as (...args: unknown[]) => never)(...args)
  }

  #prepared(text: string, values: unknown[]): Promise<QueryResult> {
    const name = nameOf(text)
    if (name === undefined) return super.query(text, values)
    const inTransaction = this.#inTransaction
    return super.query({ name, text, values }).catch((err: unknown) => {
      if (!isOutdated(err)) throw err
      forgetPlans()
      // It is refused before it has done anything, but ends the transaction it is in.
      if (inTransaction) throw err
      return super.query(text, values)
    })
  }
}

function transactionAfter(text: string, before: boolean): boolean {
  if (/^(begin|start transaction)\b/i.test(text)) return true
  return before && !/^(commit|rollback)$/i.test(text)
}

/** A migration gave a table another column while a statement that reads all of its columns was planned. */
function isOutdated(err: unknown): boolean {
  return err instanceof DatabaseError && err.code === '0A000' && err.message.startsWith('cached plan')
}
