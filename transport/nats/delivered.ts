/** Where a message stands that a consumer delivered, as its reply subject tells. */

/** Stream and consumer sequence, from `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<n>.<s>.<c>.<time>.<pending>[.<token>]`. */
export function placeOf(
  reply: string | undefined,
): { sequence: number; delivered: number } | undefined {
  const tokens = reply?.split('.') ?? []
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < 9) return undefined
  const at = tokens.length === 9 ? 5 : 7
  return { sequence: Number(tokens[at]), delivered: Number(tokens[at + 1]) }
}
