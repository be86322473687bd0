import type { MemberStanding } from './store.ts'

/**
 * Whether a member may say anything there at this moment. The statement that commits sends asks the same of many
 * at once (`messages/commit-batch.ts`).
 */
export function mayWrite({
  role,
  barred,
  silencedUntil,
  allSilenced,
  speaksAlways,
}: Omit<MemberStanding, 'floorSeq'>): boolean {
  if (barred !== null) return false
  if (silencedUntil && silencedUntil.getTime() > Date.now()) return false
  return !allSilenced || role !== 'member' || speaksAlways
}
