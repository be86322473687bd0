import { AppError } from '@parley/shared/errors'
import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import type { Context } from '../context.ts'

export function receiptRpc(app: HttpApp, { marker }: Pick<Context, 'marker'>): void {
  serveRpc(app, 'receipts/mark', async ({ marks }) =>
    toBatchReply(
      await Promise.all(
        marks.map((mark) => marker.mark(mark).catch((cause: unknown) => AppError.from(cause))),
      ),
    ),
  )
}
