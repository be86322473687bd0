import { randomUUID } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import { createPresenceLease, type UserAtGateway } from '@parley/shared/presence'
import type { RedisClient } from '@parley/shared/redis'
import type { People } from './people.ts'

/** Two of them, which say in Redis who is connected. */
export function createGateways({ redis, people }: { redis: RedisClient; people: People }) {
  const gateways = [createGateway(), createGateway()]

  function createGateway() {
    const users = new Map<UserId, UserAtGateway>()
    return { users, isAlive: true, lease: createPresenceLease(redis, randomUUID(), () => users) }
  }

  async function connect(who: number, gateway: number, foreground: boolean): Promise<void> {
    const there = gateways[gateway % gateways.length]
    const userId = people[who % people.length]
    if (!there?.isAlive || !userId) return
    there.users.set(userId, { sockets: 1, foreground })
    await there.lease.set(userId, { sockets: 1, foreground })
    await renewLeases()
  }

  async function disconnect(who: number): Promise<void> {
    for (const { users, lease, isAlive } of gateways) {
      const userId = people[who % people.length]
      if (!userId || !users.delete(userId) || !isAlive) continue
      await lease.set(userId, { sockets: 0, foreground: false })
    }
  }

  /** Its lease ends when time goes on. */
  function gatewayDies(which: number): void {
    const gateway = gateways[which % gateways.length]
    if (gateway) gateway.isAlive = false
  }

  async function renewLeases(): Promise<void> {
    for (const { isAlive, lease } of gateways) if (isAlive) await lease.renew()
  }

  return { connect, disconnect, gatewayDies, renewLeases }
}
