import { z } from 'zod'
import type { KubernetesObject } from './render.ts'

const Probe = z.looseObject({
  periodSeconds: z.number(),
  timeoutSeconds: z.number(),
  failureThreshold: z.number(),
  initialDelaySeconds: z.number().exactOptional(),
})

const KeyRef = z.looseObject({ name: z.string(), key: z.string() })

const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  env: z
    .array(
      z.looseObject({
        name: z.string(),
        value: z.string().exactOptional(),
        valueFrom: z.looseObject({ secretKeyRef: KeyRef.exactOptional() }).exactOptional(),
      }),
    )
    .default([]),
  envFrom: z.array(z.looseObject({ configMapRef: z.looseObject({ name: z.string() }) })).default([]),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
  startupProbe: Probe.exactOptional(),
  readinessProbe: Probe.exactOptional(),
  livenessProbe: Probe.exactOptional(),
  lifecycle: z
    .looseObject({
      preStop: z.looseObject({
        sleep: z.looseObject({ seconds: z.number() }).exactOptional(),
        exec: z.looseObject({ command: z.tuple([z.literal('sleep'), z.coerce.number()]) }).exactOptional(),
      }),
    })
    .exactOptional(),
  resources: z.looseObject({
    requests: z.record(z.string(), z.string()),
    limits: z.record(z.string(), z.string()),
  }),
  securityContext: z.looseObject({
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    capabilities: z.looseObject({ drop: z.array(z.string()) }),
  }),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
})
export type Container = z.output<typeof Container>

const PodTemplate = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
  spec: z.looseObject({
    automountServiceAccountToken: z.boolean(),
    enableServiceLinks: z.boolean(),
    priorityClassName: z.string().exactOptional(),
    terminationGracePeriodSeconds: z.number().default(30),
    securityContext: z.looseObject({
      runAsNonRoot: z.boolean(),
      runAsUser: z.number(),
      seccompProfile: z.looseObject({ type: z.string() }),
    }),
    topologySpreadConstraints: z
      .array(
        z.looseObject({
          topologyKey: z.string(),
          whenUnsatisfiable: z.string(),
          labelSelector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }),
        }),
      )
      .default([]),
    containers: z.array(Container),
    initContainers: z.array(Container).default([]),
    volumes: z
      .array(
        z.looseObject({
          name: z.string(),
          secret: z
            .looseObject({
              secretName: z.string(),
              // Without them every key of the secret is a file.
              items: z.array(z.looseObject({ key: z.string() })).default([]),
            })
            .exactOptional(),
        }),
      )
      .default([]),
  }),
})

export interface Workload {
  kind: string
  name: string
  /** Absent where an autoscaler decides. */
  replicas: number | undefined
  labels: Record<string, string>
  pod: z.output<typeof PodTemplate>['spec']
}

/** Everything that makes pods. Throws where one lacks what every pod of ours must say. */
export function workloadsOf(objects: KubernetesObject[]): Workload[] {
  return objects
    .filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind))
    .map((object) => {
      const spec = z
        .looseObject({ replicas: z.number().exactOptional(), template: PodTemplate })
        .parse(object['spec'])
      return {
        kind: object.kind,
        name: object.metadata.name,
        replicas: spec.replicas,
        labels: spec.template.metadata.labels,
        pod: spec.template.spec,
      }
    })
}

/** Seconds that a container goes on serving after the order to end. */
export function preStopSeconds({ lifecycle }: Container): number {
  return lifecycle?.preStop.sleep?.seconds ?? lifecycle?.preStop.exec?.command[1] ?? 0
}
