/** A number seen as its bytes: plain loads and stores beat a call. Little-endian, as all machines Node runs on. */
export const floatCell = new Float64Array(1)
export const floatBytes = new Uint8Array(floatCell.buffer)
