/** As many holders at once as there are slots; others wait in the order they came. Whoever calls bounds how many those are. */
export function createSlots(count: number) {
  const waiting: (() => void)[] = []
  let free = count

  async function take(): Promise<void> {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }

  function release(): void {
    const next = waiting.shift()
    if (next) next()
    else free += 1
  }

  return {
    async run<T>(work: () => Promise<T>): Promise<T> {
      await take()
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}

export type Slots = ReturnType<typeof createSlots>
