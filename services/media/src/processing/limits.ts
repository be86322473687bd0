/** What an image may be. Frames of an animation count together. */
export const maxPixels = 50_000_000
/** Pixels of either side. */
export const maxSide = 100_000
export const maxFrames = 1_000
/** Of a film, square pixels of one frame; 8K has 33 million. */
export const maxFilmPixels = 36_000_000
/** Of a film or sound. */
export const maxDurationMs = 4 * 3_600_000
/** How often a file is given to a process that does not answer before the file is held to be the reason. */
export const maxUnansweredRuns = 3
/** Jobs after which a process is replaced, and what it may hold between two, because decoders leave memory in pieces. */
export const jobsPerProcess = 500
export const idleBytesPerProcess = 128 * 1024 ** 2
