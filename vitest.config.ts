import { defineConfig } from 'vitest/config'

const setupFiles = ['./packages/testing/src/fail-on-console.ts']
const withServers = [...setupFiles, './packages/testing/src/wait-patiently.ts']
/** What runs it in production, looked at without running it: no server is needed. */
const deployment = ['infra/{kubernetes,observability}/test/**/*.test.ts']
/** The product as `npm start` runs it, and what speaks to that: it brings its own servers. */
const local = ['infra/{cli,load,local}/test/**/*.test.ts']
const servers = ['./packages/testing/src/vitest-setup.ts']

export default defineConfig({
  test: {
    // Half of what tests do is to wait for servers, so two cores have work for three.
    maxWorkers: 3,
    reporters: ['default', './packages/testing/src/plain-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{packages,services,infra}/*/src/**/*.test.ts'],
          setupFiles,
        },
      },
      {
        test: {
          name: 'service',
          include: ['{packages,services,infra}/*/test/**/*.test.ts'],
          exclude: [...deployment, ...local],
          setupFiles: withServers,
          globalSetup: servers,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'local',
          include: local,
          setupFiles: withServers,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'deployment',
          include: deployment,
          setupFiles,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['system/**/*.test.ts'],
          setupFiles: withServers,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
