import { beforeAll, describe, expect, test } from 'vitest'
import { checkTypes, currentTypes, typesOf121 } from '../src/check-types.ts'
import { type KubernetesObject, parseObjects } from '../src/render.ts'
import { formatErrors, loadModels } from '../src/validate.ts'
import { components, overlays, rendered, renderComponent } from './rendered.ts'

// Of 1.20 exactly, where the types above are of 1.21.
const kindsOf120 = new Set([
  'v1/ConfigMap',
  'v1/Namespace',
  'v1/Service',
  'v1/ServiceAccount',
  'apps/v1/Deployment',
  'apps/v1/StatefulSet',
  'autoscaling/v2beta2/HorizontalPodAutoscaler',
  'batch/v1/Job',
  'networking.k8s.io/v1/Ingress',
  'networking.k8s.io/v1/NetworkPolicy',
  'policy/v1beta1/PodDisruptionBudget',
  'scheduling.k8s.io/v1/PriorityClass',
])

test.for(['dev', 'production'] as const)('%s has no unknown field and no wrong type', async (overlay) => {
  expect(await checkTypes(rendered[overlay], currentTypes)).toEqual([])
})

test.for(components)('the component %s goes with the base', async (component) => {
  expect(await checkTypes(await renderComponent(component), currentTypes)).toEqual([])
})

test('ci-k8s-1.20 has no field that an API server of 1.20 drops', async () => {
  expect(await checkTypes(rendered['ci-k8s-1.20'], typesOf121)).toEqual([])
  const kinds = rendered['ci-k8s-1.20'].map(({ apiVersion, kind }) => `${apiVersion}/${kind}`)
  expect(kinds.filter((kind) => !kindsOf120.has(kind))).toEqual([])
})

describe('formats: quantities, required fields, enumerations', () => {
  let models: Awaited<ReturnType<typeof loadModels>>
  beforeAll(async () => {
    models = await loadModels([...rendered.dev, ...rendered.production])
  })

  test.for(['dev', 'production'] as const)('%s is what the API accepts', (overlay) => {
    // kustomize breaks long base64 into lines, which Go reads and the published format does not allow.
    const objects = rendered[overlay].filter(({ kind }) => kind !== 'Secret')
    expect(objects.flatMap((object) => formatErrors(models, object))).toEqual([])
  })

  test.for([
    ['a quantity', 'memory: 1Gi', 'memory: 1 Gi'],
    ['a required selector', 'matchLabels:\n      app.kubernetes.io/name: gateway', 'matchLabels: 7'],
  ])('%s that is wrong is found', ([, right, wrong]) => {
    const [broken] = parseObjects(gatewayText.replace(right ?? '', wrong ?? ''))
    expect(formatErrors(models, broken as KubernetesObject)).not.toEqual([])
  })
})

const gatewayText = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: gateway
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: gateway
  template:
    metadata: { labels: { app.kubernetes.io/name: gateway } }
    spec:
      containers:
        - name: gateway
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
          resources: { limits: { memory: 1Gi } }
`

test.for([
  ['a field that does not exist', 'selector:', 'selectr:', /selectr/],
  ['text for a number', 'seconds: 5', "seconds: '5'", /not assignable/],
  ['a kind that does not exist', 'kind: Deployment', 'kind: Deploymint', /Cannot find module/],
] as const)('%s is found', async ([, right, wrong, message]) => {
  const errors = await checkTypes(parseObjects(gatewayText.replace(right, wrong)), currentTypes)
  expect(errors.join('\n')).toMatch(message)
})

test('a field that 1.20 does not have is found', async () => {
  const errors = await checkTypes(parseObjects(gatewayText), typesOf121)
  expect(errors.join('\n')).toMatch(/'"sleep"' does not exist/)
})

test('every overlay renders something', () => {
  for (const overlay of overlays) expect(rendered[overlay].length).toBeGreaterThan(20)
})
