import type { Reporter, TestModule, TestSuite } from 'vitest/node'

/**
 * Closes the run with one line any CI can read. What kept tests from running counts as failed too (a file that
 * does not load, a hook that throws, an error nobody caught), so a broken file never looks green.
 */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    const groups: (TestModule | TestSuite)[] = modules.flatMap((module) => [
      module,
      ...module.children.allSuites(),
    ])
    const broken = groups.filter((group) => group.errors().length > 0).length
    // A run that was cut short leaves tests that never got a result.
    const failed = count('failed') + count('pending') + broken + unhandledErrors.length
    process.stdout.write(`${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped\n`)
  }
}
