import { expect, test } from 'vitest'
import { AppError } from './errors.ts'
import { chooseAmong, rankInstances } from './instances.ts'

const instances = [{ name: 'a' }, { name: 'b' }]
const [first = '', second = ''] = rankInstances(instances, 'key').map(({ name }) => name)

/** Calls with one key, by a clock that stands still until it is set; those in `away` cannot be reached. */
function start() {
  let time = 0
  const away = new Set<string>()
  const among = chooseAmong(instances, () => time)
  return {
    away,
    at: (ms: number) => {
      time = ms
    },
    ask: async (): Promise<string[]> => {
      const asked: string[] = []
      await among
        .ask(
          () => 'key',
          async ({ name }) => {
            asked.push(name)
            if (away.has(name)) throw new AppError('unavailable', 'away')
          },
        )
        .catch((cause: unknown) => asked.push(AppError.from(cause).code))
      return asked
    },
  }
}

test('an instance that is away is found out by one call in a while, and the others go to the next', async () => {
  const { ask, at, away } = start()
  expect(await ask()).toEqual([first])
  away.add(first)
  expect(await ask()).toEqual([first, second])
  expect(await ask()).toEqual([second])
  at(3_000)
  expect(await Promise.all([ask(), ask()])).toEqual([[first, second], [second]])
  at(6_000)
  expect(await ask()).toEqual([first, second])
  expect(await ask()).toEqual([second])
  away.clear()
  at(9_000)
  expect(await ask()).toEqual([first])
  expect(await ask()).toEqual([first])
})

test('where all were away they are asked all the same', async () => {
  const { ask, away } = start()
  away.add(first).add(second)
  expect(await ask()).toEqual([first, second, 'unavailable'])
  away.delete(first)
  expect(await ask()).toEqual([first])
})

test('an answer that every instance would give is one: no other is asked, and the one that gave it stays first', async () => {
  const among = chooseAmong(instances)
  const asked: string[] = []
  const failure = AppError.fromBody(
    new AppError('unavailable', 'the hook is away', { everywhere: true }).toInternal(),
  )
  const ask = () =>
    among.ask(
      () => 'key',
      async ({ name }) => {
        asked.push(name)
        throw failure
      },
    )
  await expect(ask()).rejects.toMatchObject({ code: 'unavailable' })
  await expect(ask()).rejects.toMatchObject({ code: 'unavailable' })
  expect(asked).toEqual([first, first])
})

test('who asks the first one itself says how it went, and everybody knows', async () => {
  const among = chooseAmong(instances)
  const firstOf = () => among.first(() => 'key')
  expect(firstOf()?.name).toBe(first)
  for (const instance of instances) if (instance.name === first) among.wasAway(instance)
  expect(firstOf()?.name).toBe(second)
  for (const instance of instances) among.answered(instance)
  expect(firstOf()?.name).toBe(first)
})

test('a failure that is an answer is given as it is', async () => {
  const among = chooseAmong(instances)
  const asked: string[] = []
  const refused = among.ask(
    () => 'key',
    async ({ name }) => {
      asked.push(name)
      throw new AppError('forbidden', 'no')
    },
  )
  await expect(refused).rejects.toThrow('no')
  expect(asked).toEqual([first])
})
