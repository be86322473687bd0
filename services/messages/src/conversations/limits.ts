/** Every group is a room that each of its members' sockets joins when it connects. */
export const maxConversationsPerUser = 5_000
/** Members one call adds. */
export const maxUsersPerCall = 500
