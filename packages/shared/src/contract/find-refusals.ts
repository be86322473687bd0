/** What `z.toJSONSchema` writes of our schemas; anything else in one is refused rather than passed over. */
export interface Schema {
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  propertyNames?: Schema
  items?: boolean | Schema
  prefixItems?: Schema[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  pattern?: string
  format?: string
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  [annotation: string]: unknown
}

const understood = new Set(
  `type properties required additionalProperties propertyNames items prefixItems anyOf oneOf allOf enum const pattern format
   minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength minItems maxItems
   description default title examples contentEncoding readOnly`.split(/\s+/),
)
const lowerBounds = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems'] as const
const upperBounds = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems'] as const

/**
 * Why something that fits `sent` may not fit `taken`, a sentence each; empty only if everything fits. It may refuse what a
 * closer look would let pass (two patterns that mean the same), never the other way round.
 */
export function findRefusals(sent: Schema, taken: Schema, path = 'it'): string[] {
  for (const schema of [sent, taken]) {
    const unknown = Object.keys(schema).filter((key) => !understood.has(key))
    if (unknown.length > 0) return [`${path} says ${unknown.join(', ')}, which nobody compares yet`]
  }
  const choices = formsOf(sent)
  if (choices) return choices.flatMap((choice) => findRefusals(choice, taken, path))
  const forms = formsOf(taken)
  if (forms && sent.enum)
    return sent.enum.flatMap((value) => findRefusals({ type: typeOf(value), const: value }, taken, path))
  if (forms) {
    const each = forms.map((form) => findRefusals(sent, form, path))
    if (each.some((refusals) => refusals.length === 0)) return []
    return [`${path} fits none of ${forms.length} forms: ${each.map(([first]) => first).join('; or ')}`]
  }
  if (taken.allOf) {
    const { allOf, ...own } = taken
    return [own, ...allOf].flatMap((part) => findRefusals(sent, part, path))
  }
  if (sent.allOf) {
    const { allOf, ...own } = sent
    const each = [own, ...allOf].map((part) => findRefusals(part, taken, path))
    return each.some((refusals) => refusals.length === 0) ? [] : (each[0] ?? [])
  }
  const refusals = values(sent, taken, path)
  if (refusals.length > 0) return refusals
  return [...bounds(sent, taken, path), ...members(sent, taken, path), ...items(sent, taken, path)]
}

/** The schemas one of which it must fit, if it is such a choice. */
function formsOf({ anyOf, oneOf, ...own }: Schema): Schema[] | undefined {
  const forms = anyOf ?? oneOf
  if (forms) return forms.map((form) => ({ ...own, ...form }))
  return Array.isArray(own.type) ? own.type.map((type) => ({ ...own, type })) : undefined
}

function values(sent: Schema, taken: Schema, path: string): string[] {
  const told = sent.enum ?? (sent.const === undefined ? undefined : [sent.const])
  const known = taken.enum ?? (taken.const === undefined ? undefined : [taken.const])
  const isWhole = sent.type === 'integer' && taken.type === 'number'
  if (
    taken.type !== undefined &&
    sent.type !== taken.type &&
    !isWhole &&
    !(told && told.every((it) => isOf(it, taken.type)))
  )
    return [`${path} may be ${String(sent.type ?? 'anything')}, and ${String(taken.type)} is taken`]
  if (known) {
    if (!told)
      return [`${path} may be any ${String(sent.type ?? 'value')}, and only ${known.join(', ')} is taken`]
    const strange = told.filter((value) => !known.includes(value))
    return strange.length > 0 ? [`${path} may be ${strange.join(', ')}, which is not known`] : []
  }
  if (told) return told.flatMap((value) => fitsText(value, taken, path))
  return (['pattern', 'format'] as const).flatMap((rule) =>
    taken[rule] !== undefined && sent[rule] !== taken[rule]
      ? [`${path} has ${rule} ${sent[rule] ?? 'none'}, and ${taken[rule]} is taken`]
      : [],
  )
}

function fitsText(value: unknown, { pattern, format }: Schema, path: string): string[] {
  if (typeof value !== 'string') return []
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
    return [`${path} may be ${value}, which is not of ${pattern}`]
  return format === undefined ? [] : [`${path} may be ${value}, and ${format} is taken`]
}

const isOf = (value: unknown, type: Schema['type']) =>
  type === 'integer' ? Number.isInteger(value) : typeOf(value) === type

/** In the words of JSON Schema, in which null and lists are no objects. */
function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function bounds(sent: Schema, taken: Schema, path: string): string[] {
  const told = sent.enum ?? (sent.const === undefined ? undefined : [sent.const])
  const numbers = told?.map((value) => (typeof value === 'string' ? Array.from(value).length : Number(value)))
  const broken = (rule: (typeof lowerBounds | typeof upperBounds)[number], isLower: boolean) => {
    const limit = taken[rule]
    if (limit === undefined) return []
    const strict = rule.startsWith('exclusive')
    const fits = (it: number) =>
      isLower ? (strict ? it > limit : it >= limit) : strict ? it < limit : it <= limit
    if (numbers)
      return numbers.every(fits) ? [] : [`${path} may be ${told?.join(', ')}, and ${rule} is ${limit}`]
    const own = sent[rule]
    const holds = own !== undefined && (isLower ? own >= limit : own <= limit)
    return holds ? [] : [`${path} has ${rule} ${own ?? 'none'}, and ${limit} is taken`]
  }
  return [
    ...lowerBounds.flatMap((rule) => broken(rule, true)),
    ...upperBounds.flatMap((rule) => broken(rule, false)),
  ]
}

function members(sent: Schema, taken: Schema, path: string): string[] {
  const found: string[] = []
  const told = sent.properties ?? {}
  const known = taken.properties ?? {}
  for (const name of taken.required ?? [])
    if (!sent.required?.includes(name)) found.push(`${path}.${name} may be missing, and it is required`)
  const others = taken.additionalProperties
  for (const [name, schema] of Object.entries(told)) {
    const here = `${path}.${name}`
    if (known[name]) found.push(...findRefusals(schema, known[name], here))
    else if (others === false) found.push(`${here} is not known, and nothing unknown is taken`)
    else if (typeof others === 'object') found.push(...findRefusals(schema, others, here))
    if (taken.propertyNames)
      found.push(...findRefusals({ type: 'string', const: name }, taken.propertyNames, `the name ${here}`))
  }
  // Of what it does not name, a sender says nothing unless its schema speaks of it.
  if (typeof sent.additionalProperties === 'object') {
    const any = `${path}.*`
    if (others === false) found.push(`${any} is not known, and nothing unknown is taken`)
    else if (typeof others === 'object') found.push(...findRefusals(sent.additionalProperties, others, any))
    for (const [name, schema] of Object.entries(known))
      if (!told[name]) found.push(...findRefusals(sent.additionalProperties, schema, `${path}.${name}`))
    if (taken.propertyNames)
      found.push(
        ...findRefusals(sent.propertyNames ?? { type: 'string' }, taken.propertyNames, `a name in ${path}`),
      )
  }
  return found
}

function items(sent: Schema, taken: Schema, path: string): string[] {
  if (sent.prefixItems || taken.prefixItems) return [`${path} is a tuple, which nobody compares yet`]
  if (typeof taken.items !== 'object') return []
  return findRefusals(typeof sent.items === 'object' ? sent.items : {}, taken.items, `${path}[]`)
}
