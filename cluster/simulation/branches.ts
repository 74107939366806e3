/** Rare branches of a cluster that a campaign of a few hundred seeds reaches. */
export const clusterBranches: readonly string[] = [
  'answer given again',
  'damaged snapshot',
  'fault outcome_unknown',
  'journal cut behind snapshots',
  'key known',
  'message applied',
  'reported member_dead',
  'reported member_ended',
  'reported membership_lost',
  'reported serve_failed',
  'reported shard_lost',
  'reported snapshot_failed',
  'snapshot equals replay',
  'increment equals replay',
  'taken over',
]
