/** A JetStream account that somebody else fills. */
import { connect } from '@nats-io/transport-node'

/** For servers: an account that takes eight megabytes. */
export const smallAccount =
  'accounts { P { jetstream { max_file: 8388608 }, users: [{ user: p, password: p }] } }\nno_auth_user: p'

/** Fills what room there is with a stream of somebody else. @returns a function that removes it */
export async function fillAccount(address: string): Promise<() => Promise<void>> {
  const nats = await connect({ servers: address })
  const ask = async (what: string, question: object): Promise<void> => {
    await nats.request(`$JS.API.STREAM.${what}.BALLAST`, JSON.stringify(question))
  }
  await ask('CREATE', { name: 'BALLAST', subjects: ['ballast'], storage: 'file', num_replicas: 1 })
  for (let bytes = 512 * 1024; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    for (let full = false; !full;) {
      const reply = await nats.request('ballast', new Uint8Array(bytes))
      full = 'error' in reply.json<object>()
    }
  }
  return async () => {
    await ask('DELETE', {})
    await nats.close()
  }
}
