import { z } from 'zod'
import { makeApiKey } from './server-api/api-keys.ts'
import { Scope } from './server-api/scopes.ts'

// `node src/make-api-key.ts <id> <scope,scope>`: the key for the back end, and its entry for SERVER_API_KEYS.
const [id = '', scopes = ''] = process.argv.slice(2)
const parsed = z.array(Scope).min(1).safeParse(scopes.split(',').filter(Boolean))
if (!/^[a-z0-9-]{1,32}$/.test(id) || !parsed.success) {
  process.stderr.write(`make-api-key <id> <scope,scope>\nscopes: ${Scope.options.join(', ')}\n`)
  process.exitCode = 1
} else {
  const { key, entry } = makeApiKey(id, parsed.data)
  process.stdout.write(`${key}\n${JSON.stringify(entry)}\n`)
}
