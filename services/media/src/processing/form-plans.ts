/** A smaller picture to make of a picture. */
export interface FormPlan {
  name: string
  /** The long side in pixels, or the side of a square. Nothing is made larger, but squares are always whole. */
  side: number
  types: PictureType[]
  /** Left out where the picture is no larger than that itself. */
  onlyOfLarger?: boolean
}

export type PictureType = 'image/avif' | 'image/webp' | 'image/jpeg'

/** What lists, bubbles and full screens of a chat show. */
export const chatForms: FormPlan[] = [
  { name: 'thumbnail', side: 300, types: ['image/avif', 'image/webp', 'image/jpeg'] },
  // Writing AVIF of this size takes longer than everything else together.
  { name: 'preview', side: 1_280, types: ['image/webp', 'image/jpeg'], onlyOfLarger: true },
]

/** What a chat shows of a film: the frame itself is not kept, so a preview is always made. */
export const posterForms: FormPlan[] = chatForms.map((plan) => ({ ...plan, onlyOfLarger: false }))
