import { defineConfig } from 'vitest/config'

/** What runs it in production, looked at without running it: no server is needed. */
const deployment = ['infra/{kubernetes,observability}/test/**/*.test.ts']
/** The product as `npm start` runs it, and what speaks to that: it brings its own servers. */
const local = ['infra/{cli,load,local}/test/**/*.test.ts']

export default defineConfig({
  test: {
    // More than half of what tests do is to wait for servers, so two cores have work for five.
    maxWorkers: 5,
    reporters: ['default', './packages/testing/src/plain-reporter.ts'],
    setupFiles: ['./packages/testing/src/fail-on-console.ts', './packages/testing/src/wait-patiently.ts'],
    // Bounds of what never ends, not of what takes long: a busy machine fails no test that would pass on another.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['{packages,services,infra}/*/src/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'service',
          include: ['{packages,services,infra}/*/test/**/*.test.ts'],
          exclude: [...deployment, ...local],
          globalSetup: ['./packages/testing/src/vitest-setup.ts'],
        },
      },
      { extends: true, test: { name: 'local', include: local } },
      { extends: true, test: { name: 'deployment', include: deployment } },
      { extends: true, test: { name: 'system', include: ['system/**/*.test.ts'], fileParallelism: false } },
    ],
  },
})
