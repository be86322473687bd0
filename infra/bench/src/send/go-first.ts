import { constants, getPriority, setPriority } from 'node:os'

/**
 * Lets this process go before all others where it may, as root. A generator has a machine of its own in earnest; here it would otherwise
 * wait for the cores that it keeps busy, and its clock with it. What it needs of them stays the same.
 */
export function goFirst(): Disposable {
  const before = getPriority()
  try {
    setPriority(constants.priority.PRIORITY_HIGH)
  } catch {
    // Whoever may not goes as everybody does, and the report tells how late it was.
  }
  // What is started later inherits the priority of then.
  return { [Symbol.dispose]: () => setPriority(before) }
}
