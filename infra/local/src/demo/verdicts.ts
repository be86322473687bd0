import { styleText } from 'node:util'

interface Check {
  promise: string
  claim: string
  holds: boolean
  seen: string
}

/** What was looked at for each promise, and what was seen. */
export class Verdicts {
  readonly #checks: Check[] = []

  check(promise: string, claim: string, holds: boolean, seen: string): void {
    this.#checks.push({ promise, claim, holds, seen })
  }

  get failed(): number {
    return this.#checks.filter(({ holds }) => !holds).length
  }

  render(): string {
    return this.#checks
      .toSorted((a, b) => a.promise.localeCompare(b.promise, 'en', { numeric: true }))
      .map(({ promise, claim, holds, seen }) => {
        const mark = holds ? styleText('green', 'holds ') : styleText('red', 'BROKEN')
        return `  ${promise.padEnd(3)} ${mark} ${claim} (${seen})`
      })
      .join('\n')
  }
}
