import type { Nodes } from './nodes.ts'

/** What a command found: for a program as it is, for a person as text. */
export interface Outcome {
  data: unknown
  text: string
  /** Something is wrong with the cluster; the command ends with code 1. */
  failed?: boolean
}

export interface Command {
  /** Names of its arguments, as the usage shows them; those in brackets may be left out. */
  args: string[]
  says: string
  run: (nodes: Nodes, args: string[]) => Promise<Outcome>
}
