import { AppError } from '@parley/shared/errors'

export const draining = () => new AppError('draining', 'this worker is stopping')
