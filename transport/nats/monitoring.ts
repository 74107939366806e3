/** Asks the servers' monitoring ports how they sync: they don't tell clients. */

const patienceMs = 2_000

interface VarZ {
  readonly jetstream?: { readonly config?: { readonly sync_always?: boolean } }
}

/** @returns whether every server syncs each write; undefined when one does not say */
export async function syncAlways(addresses: readonly string[]): Promise<boolean | undefined> {
  if (addresses.length === 0) return undefined
  const answers = await Promise.all(addresses.map(answerOf))
  if (answers.includes(undefined)) return undefined
  return answers.every((answer) => answer === true)
}

async function answerOf(address: string): Promise<boolean | undefined> {
  try {
    const signal = AbortSignal.timeout(patienceMs)
    const response = await fetch(new URL('/varz', address), { signal })
    const { jetstream } = (await response.json()) as VarZ
    return jetstream?.config === undefined ? undefined : jetstream.config.sync_always === true
  } catch {
    return undefined
  }
}
