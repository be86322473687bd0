import type { Pool } from 'pg'
import { Gauge, type Registry } from 'prom-client'

/** Shows the connections of a pool, and the queries that wait for one. */
export function observePool(pool: Pool, registry: Registry): void {
  new Gauge({
    name: 'parley_postgres_pool',
    help: 'Connections to Postgres in use and idle, and queries that wait for one',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.set({ state: 'in-use' }, pool.totalCount - pool.idleCount)
      this.set({ state: 'idle' }, pool.idleCount)
      this.set({ state: 'waiting' }, pool.waitingCount)
    },
  })
}
