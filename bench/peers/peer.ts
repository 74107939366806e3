/** What a peer is: a server that can be started, and a program that puts the same payment on it. */
import type { PeerServer } from './server.js'

export interface Peer {
  readonly name: string
  /** Program of the client, below bench/. */
  readonly program: string
  /** Operations at work at once: what suits this peer best. */
  readonly window: number
  readonly durability: string
  /** Why it can't be run here, in a sentence; undefined when it can. */
  absent(): string | undefined
  /** Makes its folder and starts it. */
  start(folder: string): Promise<PeerServer>
  /** Starts it again on the folder it left. */
  restart(folder: string): Promise<PeerServer>
}
