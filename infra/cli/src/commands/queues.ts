import type { DeadLetter, QueueCounts } from '@parley/shared/queue-admin'
import type { Command } from '../command.ts'
import { renderTable } from '../table.ts'

const failedOf = (queue: string) => `/admin/queues/${encodeURIComponent(queue)}/failed`

export const queues: Command = {
  args: [],
  says: 'what each queue holds',
  async run(nodes) {
    const data = (await nodes.askOne<{ queues: QueueCounts[] }>('messages', 'GET', '/admin/queues')).queues
    const states = Object.keys(data[0]?.counts ?? {})
    const rows = data.map(({ queue, counts }) => [queue, ...states.map((state) => counts[state] ?? 0)])
    return { data, text: renderTable(['queue', ...states], rows) }
  },
}

export const failed: Command = {
  args: ['QUEUE'],
  says: 'jobs that failed for good, the newest first',
  async run(nodes, [queue = '']) {
    const { jobs } = await nodes.askOne<{ jobs: DeadLetter[] }>('messages', 'GET', failedOf(queue))
    const rows = jobs.map(({ id, failedAt, attempts, reason }) => [
      id,
      failedAt,
      attempts,
      reason.slice(0, 100),
    ])
    const head = ['job', 'failed', 'attempts', 'reason']
    return { data: jobs, text: rows.length > 0 ? renderTable(head, rows) : `nothing in ${queue} has failed` }
  },
}

export const retry: Command = {
  args: ['QUEUE', '[JOB]'],
  says: 'send a failed job, or up to a thousand of them, back to work',
  async run(nodes, [queue = '', id]) {
    const path = `${failedOf(queue)}/retry`
    const data = await nodes.askOne<{ retried: number }>('messages', 'POST', path, id ? { id } : {})
    return { data, text: `${data.retried} jobs wait again` }
  },
}
