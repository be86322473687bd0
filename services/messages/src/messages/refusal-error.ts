import type { AppError } from '@parley/shared/errors'
import {
  barredFromWriting,
  mayNotMentionAll,
  mediaNotKept,
  noSuchMessage,
  notAMember,
  silenced,
} from '../errors.ts'
import type { Refusal } from './standing.ts'

const errorOf: Record<Refusal, () => AppError> = {
  no_conversation: notAMember,
  not_a_member: notAMember,
  barred: barredFromWriting,
  silenced,
  may_not_mention_all: mayNotMentionAll,
  no_such_reply: noSuchMessage,
  media_not_kept: mediaNotKept,
}

export const refusalError = (reason: Refusal): AppError => errorOf[reason]()
