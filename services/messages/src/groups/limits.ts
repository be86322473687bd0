/** Every group is a room that each of its members' sockets joins when it connects. */
export const maxGroupsPerUser = 5_000
/** People who wait to be let into one group. */
export const maxRequestsPerGroup = 1_000
