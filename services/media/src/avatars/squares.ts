import type { Form } from '../db/schema.ts'
import type { FormPlan } from '../processing/form-plans.ts'

/** The sides of an avatar, in pixels: a list, a bubble, a profile, each also at twice its density. */
export const avatarSides = [64, 128, 256, 512] as const
export type AvatarSide = (typeof avatarSides)[number]

export const squareName = (side: AvatarSide): Form['name'] => `avatar-${side}`

export const squarePlans: FormPlan[] = avatarSides.map((side) => ({
  name: squareName(side),
  side,
  types: ['image/webp', 'image/jpeg'],
}))
