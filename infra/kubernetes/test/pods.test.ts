import { usualShutdownMs } from '@parley/shared/lifecycle'
import { describe, expect, test } from 'vitest'
import { loadConfig as loadGateway, Env as gateway } from '../../../services/gateway/src/config.ts'
import { Env as media } from '../../../services/media/src/config.ts'
import { Env as messages } from '../../../services/messages/src/config.ts'
import { Env as push } from '../../../services/push/src/config.ts'
import type { KubernetesObject } from '../src/render.ts'
import { type Container, preStopSeconds, type Workload, workloadsOf } from '../src/workloads.ts'
import { overlays, rendered, renderOverlays } from './rendered.ts'

const schemas: Record<string, { shape: object }> = { gateway, media, messages, push }
const ours = ['gateway', 'media', 'messages', 'push']

const cases = overlays.flatMap((overlay) =>
  workloadsOf(rendered[overlay]).map((workload) => ({
    title: `${overlay}: ${workload.kind} ${workload.name}`,
    objects: rendered[overlay],
    ...workload,
  })),
)
const longLived = cases.filter(({ kind }) => kind !== 'Job')
const jobs = cases.filter(({ kind }) => kind === 'Job')
const services = cases.filter(({ name }) => ours.includes(name))

function containersOf({ pod }: Workload): Container[] {
  return [...pod.initContainers, ...pod.containers]
}

/** Everything a container's environment says, maps included. */
function settingsOf(objects: KubernetesObject[], container: Container): Map<string, string | undefined> {
  const maps = container.envFrom.map(({ configMapRef }) => {
    const map = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef.name,
    )
    expect(map).toBeDefined()
    return Object.entries((map?.['data'] ?? {}) as Record<string, string>)
  })
  return new Map([
    ...maps.flat(),
    ...container.env.map(({ name, value }): [string, string | undefined] => [name, value]),
  ])
}

test.for(longLived)(
  '$title has three probes with thresholds, and waits by the startup probe alone',
  ({ pod }) => {
    for (const { startupProbe, readinessProbe, livenessProbe } of pod.containers) {
      for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
        expect(probe).toBeDefined()
        expect(probe?.initialDelaySeconds).toBeUndefined()
      }
    }
  },
)

test.for(services)(
  '$title is restarted only by its own silence, and its probes are on the internal port',
  ({ pod }) => {
    const [container] = pod.containers
    expect(container?.livenessProbe?.['httpGet']).toEqual({ path: '/livez', port: 'internal' })
    expect(container?.readinessProbe?.['httpGet']).toEqual({ path: '/readyz', port: 'internal' })
    expect(container?.startupProbe?.['httpGet']).toEqual({ path: '/startupz', port: 'internal' })
  },
)

test.for(jobs)('$title has no probes, ends by itself and is tried a few times', ({ pod, name, objects }) => {
  for (const { startupProbe, readinessProbe, livenessProbe } of containersOf({ pod } as Workload))
    expect([startupProbe, readinessProbe, livenessProbe]).toEqual([undefined, undefined, undefined])
  const job = objects.find(({ kind, metadata }) => kind === 'Job' && metadata.name === name)
  expect(job?.['spec']).toMatchObject({ backoffLimit: 6, activeDeadlineSeconds: 600 })
})

test.for(cases)('$title keeps to the restricted Pod Security Standard', (workload) => {
  const { pod } = workload
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  })
  expect(pod.securityContext.runAsUser).toBeGreaterThan(0)
  for (const { securityContext } of containersOf(workload)) {
    expect(securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  }
  for (const volume of pod.volumes) {
    const [type] = Object.keys(volume).filter((key) => key !== 'name')
    expect(['configMap', 'secret', 'emptyDir', 'projected', 'persistentVolumeClaim']).toContain(type)
  }
  for (const forbidden of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod[forbidden]).toBeUndefined()
})

test.for(cases)('$title has no token of the API server and no variables of other services', ({ pod }) => {
  expect(pod.automountServiceAccountToken).toBe(false)
  expect(pod.enableServiceLinks).toBe(false)
})

test.for(cases)('$title names its images by a version or a digest', (workload) => {
  for (const { image } of containersOf(workload)) {
    expect(image).toMatch(/(:[\w.-]+|@sha256:[0-9a-f]{64})$/)
    expect(image).not.toMatch(/:latest$/)
  }
})

test.for(cases)('$title asks for what it needs, and its memory limit is its request', (workload) => {
  for (const { resources } of containersOf(workload)) {
    expect(resources.requests['cpu']).toBeDefined()
    expect(resources.limits['memory']).toBe(resources.requests['memory'])
    // Throttling shows as missed heartbeats.
    expect(resources.limits['cpu']).toBeUndefined()
  }
})

test.for(services)(
  "$title lets Node's heap have three quarters of the memory at most",
  ({ pod, objects }) => {
    for (const container of pod.containers) {
      const heapMiB = Number(
        /--max-old-space-size=(\d+)/.exec(settingsOf(objects, container).get('NODE_OPTIONS') ?? '')?.[1],
      )
      const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(container.resources.limits['memory'] ?? '') ?? []
      const limitMiB = Number(number) * (unit === 'Gi' ? 1_024 : 1)
      expect(heapMiB).toBeLessThanOrEqual(limitMiB * 0.75)
    }
  },
)

/** Read by Node and by the C library under it. */
const ofRuntime = new Set(['NODE_OPTIONS', 'MALLOC_ARENA_MAX'])

test.for(services)('$title is given only variables that its service reads', ({ pod, name, objects }) => {
  const known = new Set(Object.keys(schemas[name]?.shape ?? {}))
  for (const container of pod.containers) {
    const names = [...settingsOf(objects, container).keys()].filter((variable) => !ofRuntime.has(variable))
    expect(names.filter((variable) => !known.has(variable.replace(/_FILE$/, '')))).toEqual([])
  }
})

test.for(services)(
  '$title ends within its grace: preStop, then all that its shutdown may take',
  (workload) => {
    const { pod, name, objects } = workload
    const [container] = pod.containers
    if (!container) throw new Error('no container')
    const shutdownMs =
      name === 'gateway'
        ? loadGateway({
            REDIS_URL: 'redis://redis',
            INTERNAL_SECRET: 'sixteen characters',
            ...Object.fromEntries(
              [...settingsOf(objects, container)].filter(([key]) => !key.endsWith('_FILE')),
            ),
          }).shutdownMs
        : usualShutdownMs
    const needed = preStopSeconds(container) + shutdownMs / 1_000
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed)
  },
)

test.for(services)('$title spreads over hosts, by labels that its pods have', ({ pod, labels }) => {
  const hosts = pod.topologySpreadConstraints.filter(
    ({ topologyKey }) => topologyKey === 'kubernetes.io/hostname',
  )
  expect(hosts).toHaveLength(1)
  for (const { labelSelector } of pod.topologySpreadConstraints)
    expect(labels).toMatchObject(labelSelector.matchLabels)
})

test.for(services)('$title has a place in the order in which pods are given up', ({ pod, name, objects }) => {
  expect(pod.priorityClassName).toBe(`parley-${name}`)
  expect(
    objects.some(({ kind, metadata }) => kind === 'PriorityClass' && metadata.name === pod.priorityClassName),
  ).toBe(true)
})

test.for(services)('$title has a disruption budget that lets a node be drained', ({ name, objects }) => {
  const budgets = objects.filter(
    ({ kind, metadata }) => kind === 'PodDisruptionBudget' && metadata.name === name,
  )
  expect(budgets.map(({ spec }) => spec)).toEqual([
    expect.objectContaining({
      maxUnavailable: 1,
      selector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/name': name }) as unknown },
    }),
  ])
})

describe('the instances of messages', () => {
  test.for(services.filter(({ name }) => name === 'messages'))(
    '$title: as many as its callers know by name',
    (instances) => {
      const names = Array.from(
        { length: instances.replicas ?? 0 },
        (_, i) => `http://messages-${i}.messages-instances:3101`,
      )
      for (const caller of workloadsOf(instances.objects).filter(({ name }) =>
        ['gateway', 'media', 'push'].includes(name),
      )) {
        const [container] = caller.pod.containers
        if (!container) throw new Error('no container')
        expect(settingsOf(instances.objects, container).get('MESSAGES_URLS')?.split(',')).toEqual(names)
      }
    },
  )
})

describe('secrets', () => {
  test.for(cases)('$title uses only keys that its overlay brings', ({ pod, objects, title }) => {
    const used = pod.volumes.flatMap(({ secret }) => (secret ? [secret] : []))
    for (const { secretName, items } of used) {
      const brought = keysOf(objects, secretName)
      // The operator's own: named in k8s/README.md, and made by no overlay.
      if (secretName === 'parley-push-credentials' || title.startsWith('ci-k8s')) continue
      for (const { key } of items) expect(brought).toContain(key)
    }
  })

  test('no secret is in what the repository renders for production', () => {
    expect(rendered.production.filter(({ kind }) => kind === 'Secret')).toEqual([])
  })
})

function keysOf(objects: KubernetesObject[], secretName: string): string[] {
  const secret = objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === secretName)
  if (secret) return Object.keys(secret['data'] as object)
  const external = objects.find(
    ({ kind, metadata }) => kind === 'ExternalSecret' && metadata.name === secretName,
  )
  const spec = external?.['spec'] as { data: { secretKey: string }[] } | undefined
  return spec?.data.map(({ secretKey }) => secretKey) ?? []
}

test('rendered twice, production is the same', async () => {
  const [first, second] = await Promise.all([renderOverlays(), renderOverlays()])
  expect(second.production).toBe(first.production)
})
