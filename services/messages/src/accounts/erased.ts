/** Why an account is shut out that was deleted. No operator's own reason begins with @. */
export const erasedReason = '@deleted'
