/**
 * Where answers may go: to inboxes only.
 *
 * C17. NATS does not ask whether whoever sends a question may publish where they want its answer. A
 *      node answers with its own rights, so a question whose answer would go to a journal or a key is
 *      not heard.
 */

/**
 * An inbox; `_R_` stands for one in another account, and `_GR_` for the way back through a gateway.
 * Servers make both, and let no client ask with the first.
 */
const inbox = /^(_GR_\.[^.]+\.[^.]+\.)?(_INBOX[^.]*|_R_)\.[^.]/

export function isInbox(subject: string): boolean {
  return inbox.test(subject)
}

/** Whether inboxes may begin with this. */
export function isInboxPrefix(prefix: string): boolean {
  return /^_INBOX[^\s.*>]*(\.[^\s.*>]+)*$/.test(prefix)
}
