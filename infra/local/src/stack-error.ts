/** What keeps a stack from starting, as one sentence for the person at the terminal. */
export class StackError extends Error {
  override name = 'StackError'
}
