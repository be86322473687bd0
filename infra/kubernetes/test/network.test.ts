import { expect, test } from 'vitest'
import { z } from 'zod'
import type { KubernetesObject } from '../src/render.ts'
import { type Workload, workloadsOf } from '../src/workloads.ts'
import { overlays, rendered } from './rendered.ts'

const internalPorts = [3101, 3102, 3103, 3111]

const Policy = z.looseObject({
  podSelector: z.looseObject({ matchLabels: z.record(z.string(), z.string()).exactOptional() }),
  policyTypes: z.array(z.string()),
  ingress: z
    .array(
      z.looseObject({
        from: z.array(z.unknown()).min(1),
        ports: z.array(z.looseObject({ port: z.number() })),
      }),
    )
    .default([]),
})

const ServiceSpec = z.looseObject({
  selector: z.record(z.string(), z.string()),
  ports: z.array(z.looseObject({ name: z.string(), port: z.number(), targetPort: z.string() })),
})

const ofKind = (objects: KubernetesObject[], ...kinds: string[]) =>
  objects.filter(({ kind }) => kinds.includes(kind))
const isSelected = ({ labels }: Workload, selector: Record<string, string>) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)

const guarded = (['production', 'ci-k8s-1.20'] as const).map((overlay) => {
  const objects = rendered[overlay]
  return {
    overlay,
    objects,
    policies: ofKind(objects, 'NetworkPolicy').map((policy) => Policy.parse(policy['spec'])),
  }
})

test.for(guarded)('$overlay: whatever no policy allows is refused, in and out', ({ policies }) => {
  const denying = policies.filter(
    ({ podSelector, ingress, ...rest }) =>
      Object.keys(podSelector).length === 0 && ingress.length === 0 && rest['egress'] === undefined,
  )
  expect(denying.map(({ policyTypes }) => policyTypes)).toEqual([['Ingress', 'Egress']])
})

test.for(guarded)(
  '$overlay: every port of every pod is open to somebody named, and no other port is',
  ({ objects, policies }) => {
    for (const workload of workloadsOf(objects).filter(({ kind }) => kind !== 'Job')) {
      const open = policies
        .filter(({ podSelector }) => podSelector.matchLabels && isSelected(workload, podSelector.matchLabels))
        .flatMap(({ ingress }) => ingress.flatMap(({ ports }) => ports.map(({ port }) => port)))
      const listened = workload.pod.containers.flatMap(({ ports }) =>
        ports.map(({ containerPort }) => containerPort),
      )
      expect({ name: workload.name, ports: new Set(open) }).toEqual({
        name: workload.name,
        ports: new Set(listened),
      })
    }
  },
)

test.for(overlays)('%s: a service leads to pods that listen on its ports', (overlay) => {
  const workloads = workloadsOf(rendered[overlay])
  for (const service of ofKind(rendered[overlay], 'Service')) {
    const { selector, ports } = ServiceSpec.parse(service['spec'])
    const behind = workloads.filter((workload) => workload.kind !== 'Job' && isSelected(workload, selector))
    expect([service.metadata.name, behind.length]).toEqual([service.metadata.name, 1])
    const names = behind[0]?.pod.containers.flatMap((container) => container.ports.map(({ name }) => name))
    for (const { targetPort } of ports) expect(names).toContain(targetPort)
  }
})

test.for(overlays)('%s: no route from outside leads to an internal port', (overlay) => {
  const routes = ofKind(rendered[overlay], 'Ingress', 'HTTPRoute')
  expect(routes.length).toBeGreaterThan(0)
  for (const route of routes) {
    for (const { service, port } of backendsOf(route)) {
      expect(internalPorts).not.toContain(numberOf(rendered[overlay], service, port))
    }
  }
})

test.for(overlays)('%s: the one origin leads to gateway, media and messages', (overlay) => {
  const backends = ofKind(rendered[overlay], 'Ingress', 'HTTPRoute').flatMap(backendsOf)
  const ports = backends.map(({ service, port }) => [service, numberOf(rendered[overlay], service, port)])
  expect(new Set(ports.map(String))).toEqual(new Set(['gateway,8081', 'media,3002', 'messages,3001']))
})

test('production: what Prometheus scrapes, autoscalers scale and routes name is there', () => {
  const workloads = workloadsOf(rendered.production)
  const [monitor] = ofKind(rendered.production, 'PodMonitor')
  const { selector, podMetricsEndpoints } = z
    .looseObject({
      selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }),
      podMetricsEndpoints: z.array(z.looseObject({ port: z.string() })),
    })
    .parse(monitor?.['spec'])
  const scraped = workloads.filter(
    (workload) => workload.kind !== 'Job' && isSelected(workload, selector.matchLabels),
  )
  expect(scraped.map(({ name }) => name).toSorted()).toEqual(['gateway', 'media', 'messages', 'push'])
  for (const { pod } of scraped) {
    const names = pod.containers.flatMap(({ ports }) => ports.map(({ name }) => name))
    for (const { port } of podMetricsEndpoints) expect(names).toContain(port)
  }

  const scaled = ofKind(rendered.production, 'HorizontalPodAutoscaler', 'ScaledObject').map(
    ({ spec }) =>
      z.looseObject({ scaleTargetRef: z.looseObject({ name: z.string() }) }).parse(spec).scaleTargetRef.name,
  )
  expect(scaled.toSorted()).toEqual(['gateway', 'media', 'push'])
  for (const name of scaled) {
    const workload = workloads.find((it) => it.name === name)
    // With a number of its own, every apply would undo what the autoscaler did.
    expect(workload).toMatchObject({ kind: 'Deployment', replicas: undefined })
  }
})

interface Backend {
  service: string
  port: string | number
}

const IngressSpec = z.looseObject({
  rules: z.array(
    z.looseObject({
      http: z.looseObject({
        paths: z.array(
          z.looseObject({
            backend: z.looseObject({
              service: z.looseObject({
                name: z.string(),
                port: z.union([z.looseObject({ name: z.string() }), z.looseObject({ number: z.number() })]),
              }),
            }),
          }),
        ),
      }),
    }),
  ),
})

const RouteSpec = z.looseObject({
  rules: z.array(
    z.looseObject({
      backendRefs: z.array(z.looseObject({ name: z.string(), port: z.number() })).default([]),
    }),
  ),
})

function backendsOf(route: KubernetesObject): Backend[] {
  if (route.kind === 'HTTPRoute')
    return RouteSpec.parse(route['spec']).rules.flatMap(({ backendRefs }) =>
      backendRefs.map(({ name, port }) => ({ service: name, port })),
    )
  return IngressSpec.parse(route['spec']).rules.flatMap(({ http }) =>
    http.paths.map(({ backend: { service } }) => ({
      service: service.name,
      port: 'name' in service.port ? String(service.port.name) : Number(service.port.number),
    })),
  )
}

function numberOf(objects: KubernetesObject[], name: string, port: string | number): number | undefined {
  const service = ofKind(objects, 'Service').find(({ metadata }) => metadata.name === name)
  const { ports } = ServiceSpec.parse(service?.['spec'])
  return ports.find((it) => it.name === port || it.port === port)?.port
}
