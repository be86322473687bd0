import { AppError } from '@parley/shared/errors'

/** Also the answer for a conversation that does not exist: who may not see one must not learn which exist. */
export const notAMember = () => new AppError('forbidden', 'you are not a member of this conversation')
export const notAllowed = () => new AppError('forbidden', 'your role does not allow this here')
export const notTheirMember = () => new AppError('not_found', 'they are not a member of this conversation')
export const noSuchRequest = () => new AppError('not_found', 'nobody of this name waits to be let in')
export const noSuchPolicy = () => new AppError('invalid_request', 'there is no such kind of group')
export const noSuchJoinBy = (ways: string[]) =>
  new AppError('invalid_request', `people come into this kind of group by: ${ways.join(', ')}`)
export const noAdminsHere = () => new AppError('invalid_request', 'this kind of group has no admins')
export const noInvitations = () =>
  new AppError('invalid_request', 'nobody is invited into this kind of group')
export const groupIsFull = (limit: number) => new AppError('conflict', `there is room for ${limit}, no more`)
export const notYourMessage = () => new AppError('forbidden', 'only who sent a message may edit it')
export const tooLate = () => new AppError('forbidden', 'it is too late to change this message')
export const wasRecalled = () => new AppError('conflict', 'this message was recalled')
export const tooManyReactions = (limit: number) =>
  new AppError('conflict', `a message has at most ${limit} reactions`)
export const otherMedia = () =>
  new AppError('invalid_request', 'an edit cannot change which media a message refers to')
export const tooManyMarked = (limit: number) =>
  new AppError('conflict', `at most ${limit} messages of a conversation are marked by themselves`)
export const tooManyToAsk = (limit: number) =>
  new AppError('forbidden', `who has read is told in conversations of at most ${limit} people`)
/** One answer for a block and for a stranger: a block is not told to whom it is against. */
export const barredFromWriting = () =>
  new AppError('forbidden', 'this person does not take messages from you')
export const silenced = () => new AppError('forbidden', 'you may not write here for the time being')
export const mayNotMentionAll = () => new AppError('forbidden', 'you may not mention everybody here')
export const noSuchMessage = () => new AppError('not_found', 'no such message in this conversation')
export const unknownUser = () => new AppError('not_found', 'no such user')
export const userIdTaken = () => new AppError('conflict', 'this user id is taken')
export const conversationIdTaken = () => new AppError('conflict', 'this conversation id is taken')
/** The same for a wrong password and an unknown user. */
export const wrongCredentials = () => new AppError('unauthenticated', 'user id or password is wrong')
export const sessionEnded = () => new AppError('unauthenticated', 'this session has ended')
export const sessionReplaced = () =>
  new AppError('session_replaced', 'another log-in took the place of this session')
export const accountSuspended = () => new AppError('account_suspended', 'this account is suspended')
export const unknownSession = () => new AppError('not_found', 'no such session')
export const badLogoutTicket = () => new AppError('unauthenticated', 'logout ticket is not valid')
export const noPassword = () => new AppError('conflict', 'this account has no password')
export const unknownAccount = () => new AppError('unauthenticated', 'there is no account of this user')
export const tooManyFromAddress = (retryAfterMs: number) =>
  new AppError('rate_limited', 'too many attempts from this address', { retryAfterMs })
export const refreshRefused = () => new AppError('unauthenticated', 'refresh token is not valid')
export const tooManyLogins = (retryAfterMs: number) =>
  new AppError('rate_limited', 'too many attempts to log in', { retryAfterMs })
export const tooManyGroups = (limit: number) =>
  new AppError('conflict', `a user is in at most ${limit} groups`)
export const unregisteredType = () =>
  new AppError('invalid_request', 'messages of this type are not taken: nobody registered it')
export const mediaNotKept = () =>
  new AppError('invalid_request', 'a message with media is stored, or nobody else could read the media')
export const contentTooLarge = (bytes: number) =>
  new AppError('too_large', `messages of this type hold at most ${bytes} bytes`)
export const noSuchType = () => new AppError('not_found', 'no such message type')
export const tooManyTypes = (limit: number) =>
  new AppError('conflict', `at most ${limit} message types are registered`)
export const badApiKey = () => new AppError('unauthenticated', 'this API key is not valid')
export const notInScope = (scope: string) =>
  new AppError('forbidden', `this API key lacks the scope ${scope}`)
export const tooManyRequestsOfKey = (retryAfterMs: number) =>
  new AppError('rate_limited', 'too many requests with this API key', { retryAfterMs })
export const vetoed = (reason: string | undefined) =>
  new AppError('vetoed', reason || 'this message is not taken')
export const unchecked = () =>
  new AppError('unavailable', 'messages cannot be checked at the moment', {
    retryAfterMs: 2_000,
    everywhere: true,
  })
export const noSuchEndpoint = () => new AppError('not_found', 'no such webhook endpoint')
export const stillConfigured = () =>
  new AppError('conflict', 'this endpoint is in the configuration; take it out there first')
export const noSuchConversation = () => new AppError('not_found', 'no such conversation')
export const tooManyPasswords = (limit: number) =>
  new AppError('invalid_request', `at most ${limit} users with a password in one import`)
export const notAPicture = () => new AppError('invalid_request', 'an avatar is a picture')
export const noSelfContact = () => new AppError('invalid_request', 'nobody is their own contact')
/** Also where the other one blocks: a block is not told to whom it is against. */
export const requestRefused = () => new AppError('forbidden', 'this person takes no requests from you')
export const alreadyBlocked = () => new AppError('conflict', 'you block this person')
export const noRequest = () => new AppError('conflict', 'there is no request of this person')
export const notAContact = () => new AppError('conflict', 'this person is not your contact')
export const tooManyContacts = () => new AppError('conflict', 'one of you has as many as anyone may have')
export const tooManyRequests = () =>
  new AppError('rate_limited', 'too many people were asked', { retryAfterMs: 600_000 })
export const askedTooSoon = (retryAfterMs: number) =>
  new AppError('rate_limited', 'this person was asked lately; ask again later', { retryAfterMs })
export const noSelfChat = () => new AppError('invalid_request', 'a direct conversation needs two people')
export const badCursor = () => new AppError('invalid_request', 'cursor is not one of ours')
export const nothingToSearch = () => new AppError('invalid_request', 'there is no word in it to search for')
export const tooManyWords = (limit: number) =>
  new AppError('invalid_request', `at most ${limit} words are searched for at once`)
export const searchIsOff = () => new AppError('not_found', 'this server has no search')
export const tooManyClaims = () =>
  new AppError('overloaded', 'too many wait for the media service', { retryAfterMs: 2_000 })
export const mediaSilent = (cause?: unknown) =>
  new AppError('unavailable', 'the media service gave no answer', {
    cause,
    retryAfterMs: 500,
    everywhere: true,
  })
export const tooManySearches = () =>
  new AppError('overloaded', 'too many searches at once', { retryAfterMs: 1_000 })
export const searchTookTooLong = (cause: unknown) =>
  new AppError('deadline_exceeded', 'this search takes too long: say more words, a conversation or a time', {
    cause,
    retryAfterMs: 1_000,
  })
export const contendedConversation = () =>
  new AppError('unavailable', 'the conversation is busy', { retryAfterMs: 100 })
export const commitUnknown = (cause: unknown) =>
  new AppError('unavailable', 'it is not known whether this was stored; send it again', {
    cause,
    retryAfterMs: 500,
  })
export const unstorable = (cause: unknown) =>
  new AppError('invalid_request', 'this content cannot be stored', { cause })
export const presenceUnknown = (cause?: unknown) =>
  new AppError('unavailable', 'who is there is not known just now', { cause, retryAfterMs: 3_000 })
