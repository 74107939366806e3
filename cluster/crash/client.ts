/** The HTTP client of the campaign: one request, one answer or none. */
import type { Answer } from './acknowledgements.js'

const timeoutMs = 60_000

/** @returns undefined when the connection failed: the outcome is unknown */
export async function ask(
  url: string,
  path: string,
  post?: { readonly body: unknown; readonly key?: string },
  limitMs = timeoutMs,
): Promise<Answer | undefined> {
  try {
    const response = await fetch(url + path, {
      method: post === undefined ? 'GET' : 'POST',
      headers: {
        ...(post === undefined ? {} : { 'content-type': 'application/json' }),
        ...(post?.key === undefined ? {} : { 'idempotency-key': post.key }),
      },
      signal: AbortSignal.timeout(limitMs),
      ...(post === undefined ? {} : { body: JSON.stringify(post.body) }),
    })
    const text = await response.text()
    const replayed = response.headers.get('idempotent-replayed') === 'true'
    return { status: response.status, text, replayed }
  } catch {
    return undefined
  }
}

/** Runs a job for every item, so many at a time. @returns false when one of them failed */
export async function forAll<T>(
  items: Iterable<T>,
  atOnce: number,
  job: (item: T) => Promise<boolean>,
): Promise<boolean> {
  const queue = [...items].reverse()
  let whole = true
  const work = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined && whole; item = queue.pop()) {
      if (!(await job(item))) whole = false
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return whole
}
