/**
 * A TCP link that a test can break: it can be cut, fall silent in one direction or both, and be slow.
 * Bytes keep their order; those of a silent direction come when it speaks again.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export type LinkDirection = 'toServer' | 'toClient'

export class LinkProxy {
  /** ms every chunk takes. */
  delayMs = 0
  private readonly target: number
  private readonly server: Server
  private readonly pipes = new Set<Pipe>()
  private readonly silent = new Set<LinkDirection>()
  private isCut = false

  private constructor(target: number) {
    this.target = target
    this.server = createServer((socket) => this.accept(socket))
  }

  /** Opens a link to a port on loopback. */
  static async open(target: number): Promise<LinkProxy> {
    const proxy = new LinkProxy(target)
    await new Promise<void>((resolve, reject) => {
      proxy.server.once('error', reject)
      proxy.server.listen(0, '127.0.0.1', resolve)
    })
    return proxy
  }

  get address(): string {
    return `nats://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** Breaks every connection; new ones are refused until {@link LinkProxy.mend}. */
  cut(): void {
    this.isCut = true
    for (const pipe of [...this.pipes]) pipe.break()
  }

  /** Nothing comes through any more, and nobody is told. */
  stall(...directions: LinkDirection[]): void {
    const all: LinkDirection[] = ['toServer', 'toClient']
    for (const direction of directions.length === 0 ? all : directions) this.silent.add(direction)
  }

  /** Ends cuts and silence; what was held back arrives. */
  mend(): void {
    this.isCut = false
    this.silent.clear()
    for (const pipe of this.pipes) pipe.pump()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private accept(client: Socket): void {
    if (this.isCut) {
      client.destroy()
      return
    }
    const server = connect(this.target, '127.0.0.1')
    const ends = [client, server]
    for (const end of ends) end.setNoDelay(true)
    const pipes = [
      new Pipe(this, client, server, () => this.silent.has('toServer')),
      new Pipe(this, server, client, () => this.silent.has('toClient')),
    ]
    for (const pipe of pipes) this.pipes.add(pipe)
    for (const end of ends) {
      end.on('error', () => undefined)
      end.once('close', () => {
        for (const other of ends) other.destroy()
        for (const pipe of pipes) this.pipes.delete(pipe)
      })
    }
  }
}

class Pipe {
  private readonly waiting: { readonly at: number; readonly bytes: Buffer }[] = []
  private readonly proxy: LinkProxy
  private readonly from: Socket
  private readonly to: Socket
  private readonly isSilent: () => boolean

  constructor(proxy: LinkProxy, from: Socket, to: Socket, isSilent: () => boolean) {
    this.proxy = proxy
    this.from = from
    this.to = to
    this.isSilent = isSilent
    from.on('data', (bytes) => {
      this.waiting.push({ at: Date.now() + proxy.delayMs, bytes })
      this.pump()
    })
  }

  break(): void {
    this.from.destroy()
  }

  /** Passes on what is due. */
  readonly pump = (): void => {
    while (!this.isSilent()) {
      const next = this.waiting[0]
      if (next === undefined) return
      const early = next.at - Date.now()
      if (early > 0) {
        setTimeout(this.pump, early)
        return
      }
      this.waiting.shift()
      if (!this.to.destroyed) this.to.write(next.bytes)
    }
  }
}
