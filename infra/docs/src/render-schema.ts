import { z } from 'zod'

type JsonSchema = z.core.JSONSchema.BaseSchema

/** A schema in the notation of TypeScript, with its limits as comments. */
export function renderSchema(schema: z.ZodType): string {
  return render(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }), '')
}

function render(schema: JsonSchema, indent: string): string {
  const variants = schema.anyOf ?? schema.oneOf
  if (variants) return variants.map((variant) => render(variant as JsonSchema, indent)).join(' | ')
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  switch (schema.type) {
    case 'object':
      return renderObject(schema, indent)
    case 'array':
      return `${wrapped(render((schema.items ?? {}) as JsonSchema, indent))}[]`
    case 'integer':
    case 'number':
      return 'number'
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type
    case undefined:
    default:
      return 'unknown'
  }
}

function renderObject(schema: JsonSchema, indent: string): string {
  const properties = Object.entries(schema.properties ?? {})
  if (properties.length === 0) {
    return schema.additionalProperties
      ? `{ [key: string]: ${render(schema.additionalProperties as JsonSchema, indent)} }`
      : '{}'
  }
  const inner = `${indent}  `
  const lines = properties.map(([name, property]) => {
    const mark = schema.required?.includes(name) ? '' : '?'
    const limits = limitsOf(property as JsonSchema)
    return `${inner}${name}${mark}: ${render(property as JsonSchema, inner)}${limits ? ` // ${limits}` : ''}`
  })
  return `{\n${lines.join('\n')}\n${indent}}`
}

function limitsOf(schema: JsonSchema): string {
  const notes = [
    schema.maxLength === undefined ? undefined : `at most ${schema.maxLength} characters`,
    schema.maxItems === undefined ? undefined : `at most ${schema.maxItems} items`,
    schema.type === 'integer' &&
    schema.minimum !== undefined &&
    Number(schema.maximum) < Number.MAX_SAFE_INTEGER
      ? `${schema.minimum} to ${schema.maximum}`
      : undefined,
    schema.default === undefined ? undefined : `${JSON.stringify(schema.default)} if left out`,
    schema.format === 'date-time' ? 'ISO 8601' : undefined,
  ]
  return notes.filter((note) => note !== undefined).join(', ')
}

const wrapped = (text: string) => (text.includes(' | ') ? `(${text})` : text)
