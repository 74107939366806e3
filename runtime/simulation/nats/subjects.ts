/** Whether a subject fits a pattern: `*` stands for one token, `>` at the end for all that follow. */
export function subjectFits(subject: string, pattern: string): boolean {
  const tokens = subject.split('.')
  const wanted = pattern.split('.')
  for (const [i, want] of wanted.entries()) {
    if (want === '>') return tokens.length > i
    if (i >= tokens.length || (want !== '*' && want !== tokens[i])) return false
  }
  return tokens.length === wanted.length
}
