import { readFile } from 'node:fs/promises'
import path from 'node:path'

const page = path.resolve(import.meta.dirname, '../../../docs/media.md')

/** What docs/media.md says in a language, block by block. */
export async function blocksOf(language: 'sh' | 'js'): Promise<string[]> {
  const fenced = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms')
  return [...(await readFile(page, 'utf8')).matchAll(fenced)].map(([, lines]) => lines ?? '')
}
