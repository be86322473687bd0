import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '@parley/shared/log'
import type { RedisClient } from '@parley/shared/redis'
import type { Lock, Locker } from '@tus/server'
import { uploadBusy } from '../../errors.ts'

/** A holder that died is waited for this long. */
const leaseMs = 10_000
const lookEveryMs = 250
/** Longer than a holder that was asked to stop takes to store what it has. */
const patienceMs = 15_000

/**
 * One request at a time writes to a resumable upload, on whatever instance: a client whose line broke comes back
 * while the broken request still waits for bytes. Whoever wants the lock asks its holder to stop.
 */
export function createUploadLocker(redis: RedisClient, log: Logger): Locker {
  return { newLock: (id) => createLock(redis, log, id) }
}

function createLock(redis: RedisClient, log: Logger, id: string): Lock {
  const [holderKey, wantedKey] = [`parley:{tus:${id}}:holder`, `parley:{tus:${id}}:wanted`]
  const token = randomUUID()
  let timer: NodeJS.Timeout | undefined

  async function look(release: () => unknown): Promise<void> {
    const held = await redis.eval(renew, 1, holderKey, token, leaseMs)
    if (!held || (await redis.exists(wantedKey))) await release()
  }

  return {
    async lock(signal, requestRelease) {
      const giveUpAt = Date.now() + patienceMs
      while (!(await redis.set(holderKey, token, 'PX', leaseMs, 'NX'))) {
        if (signal.aborted || Date.now() > giveUpAt) throw uploadBusy()
        await redis.set(wantedKey, token, 'PX', leaseMs)
        await wait(lookEveryMs)
      }
      await redis.del(wantedKey)
      timer = setInterval(() => {
        look(requestRelease).catch((err: unknown) => {
          log.warn({ err, id }, 'a resumable upload may have lost its lock')
          void requestRelease()
        })
      }, lookEveryMs)
    },
    async unlock() {
      clearInterval(timer)
      await redis.eval(release, 1, holderKey, token).catch((err: unknown) => {
        log.warn({ err, id }, 'the lock of a resumable upload stays until its lease ends')
      })
    },
  }
}

// Only the own lock: a lease that ended may be somebody else's by now.
const renew = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`
const release = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`
