/** Faults of a storm that meet more than one thing at once: all links of a node, all NATS servers, everything. */
import type { StormCluster, StormNode } from './storm-cluster.js'

const slowMs = 40

/**
 * Does something to all links of a node for a while.
 * @param oneWay stalled links carry nothing to the node, and everything from it
 */
export async function breakLinks(
  { links }: StormNode,
  how: 'cut_links' | 'stall_links' | 'slow_links',
  oneWay: boolean,
  forAWhile: () => Promise<void>,
): Promise<void> {
  for (const link of links) {
    if (how === 'cut_links') link.cut()
    else if (how === 'slow_links') link.delayMs = slowMs
    else if (oneWay) link.stall('toClient')
    else link.stall()
  }
  await forAWhile()
  for (const link of links) {
    link.delayMs = 0
    link.mend()
  }
}

/** Kills all NATS servers at once, and perhaps all nodes too, and starts them again: as after a power cut. */
export async function cutPower(
  { servers, nodes }: StormCluster,
  nodesToo: boolean,
  forAWhile: () => Promise<void>,
): Promise<void> {
  const all = servers.ports.map((_, server) => server)
  await Promise.all([
    ...all.map((server) => servers.kill(server)),
    ...(nodesToo ? nodes.map((node) => node.end('SIGKILL')) : []),
  ])
  await forAWhile()
  for (const server of all) servers.restart(server)
  await servers.healthy()
  if (nodesToo) await Promise.all(nodes.map((node) => node.start()))
}
