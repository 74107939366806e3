/** Rare branches of a cluster that a campaign of a few hundred seeds reaches. */
export const clusterBranches: readonly string[] = [
  'taken over',
  'answer given again',
  'snapshot equals replay',
  'journal cut behind snapshots',
  'damaged snapshot',
  'message applied',
]
