/** Planted bugs of who may answer for a shard: leases, deaths, maps, hand-overs, lost memberships. */
import type { Mutant } from '../../../actors/simulation/index.js'

export const ownershipMutants: readonly Mutant[] = [
  {
    name: 'reads_without_a_lease',
    breaks: 'What no append went before is answered by whoever believes to own the shard.',
    file: 'runtime/journal/jetstream/lane.ts',
    find: 'return this.options.mayAnswer()',
    replace: 'return true',
    oracle: 'current-reads',
  },
  {
    name: 'reads_beside_an_append',
    breaks:
      'Reads that came while an append was in flight leave with it, without a look at the lease.',
    file: 'runtime/shard/lane.ts',
    find: 'return this.inFlight === undefined ? this.free : this.late',
    replace: 'return this.inFlight === undefined ? this.free : this.inFlight.answers',
    oracle: 'current-reads',
  },
  {
    name: 'lease_counts_from_the_reply',
    breaks: 'A lease holds from when its renewal was acknowledged, not from when it was sent.',
    file: 'cluster/membership/leased-key.ts',
    find: 'this.until = Math.max(this.until, sent + settings.leaseMs)',
    replace: 'this.until = Math.max(this.until, now + settings.leaseMs)',
    oracle: 'one-answerer',
  },
  {
    name: 'death_without_margin',
    breaks: 'Somebody silent is dead as soon as a lease would have run out by the own clock.',
    file: 'cluster/membership/settings.ts',
    find: 'return leaseMs + marginMs',
    replace: 'return leaseMs',
    oracle: 'early-death',
  },
  {
    name: 'death_on_another_revision',
    breaks: 'Who is declared dead may have renewed since they were judged.',
    file: 'cluster/membership/judge.ts',
    find: 'const result = await within(env, attemptMs, bucket.put(key, value, revision))',
    replace:
      'const put = bucket.get(key).then((now) => bucket.put(key, value, now?.revision ?? revision))\n    const result = await within(env, attemptMs, put)',
    oracle: 'early-death',
  },
  {
    name: 'old_map_accepted',
    breaks: 'A map is taken whoever tells it, though a newer one is known.',
    file: 'cluster/placement/map-store.ts',
    find: 'if (revision <= this.knownRevision || revision === this.brokenRevision) return',
    replace: 'if (revision === this.knownRevision || revision === this.brokenRevision) return',
    also: [
      {
        file: 'cluster/placement/map-store.ts',
        find: '    if (revision <= this.knownRevision) return\n',
        replace: '',
      },
      {
        file: 'cluster/placement/map-store.ts',
        find: 'if (this.known !== undefined && map.version <= this.known.version) {',
        replace: 'if (this.known !== undefined && map.version === this.known.version) {',
      },
    ],
    oracle: 'one-answerer',
  },
  {
    name: 'lost_member_keeps_its_shards',
    breaks: 'Who was declared dead joins again and goes on with the shards of its earlier life.',
    file: 'cluster/node/shard-keeper.ts',
    find: '    this.wishes.delete(shard)\n    this.node.drop(shard)\n',
    replace: '    this.wishes.delete(shard)\n',
    oracle: 'one-answerer',
  },
  {
    name: 'hand_over_without_drain',
    breaks: 'The map names the next owner while the last one still serves.',
    file: 'cluster/node/shard-keeper.ts',
    find: '        await this.node.handOver(shard)\n',
    replace: '',
    oracle: 'one-answerer',
  },
  {
    name: 'unwanted_opening_fences',
    breaks: 'An opening that nobody wants any more still puts its fence.',
    file: 'runtime/journal/jetstream/open-journal.ts',
    find: "    patience.check('the shard was taken away')\n",
    replace: '',
    oracle: 'needless-fence',
  },
  {
    name: 'unwanted_opening_serves',
    breaks: 'A shard that was taken away while it was opened is served all the same.',
    file: 'runtime/nodes/shard-node.ts',
    find: "    if (!wanted()) {\n      abandon()\n      throw new Fault('fenced')\n    }\n",
    replace: '',
    oracle: 'one-answerer',
  },
  {
    name: 'handed_over_twice',
    breaks: 'A shard that is asked for twice is drained and sealed twice.',
    file: 'runtime/nodes/shard-node.ts',
    find: 'served.handedOver ??= this.endInOrder(shard, served)\n    return served.handedOver',
    replace: 'return this.endInOrder(shard, served)',
    oracle: 'convergence',
  },
]
