/**
 * Who may do what in NATS: nodes, operators, observers. Made into the configuration that is shipped.
 *
 *               journals, snapshots   keys            bus            streams
 *   node        append, read, cut     all             all            make, look
 *   operator    read                  config, read    ask            look
 *   observer    –                     read            look           look
 *
 * S1. Nobody may delete a stream, change it, or remove a message from within it. That is for whoever
 *     runs NATS, under another account.
 * S2. Each role hears only answers to its own questions: its inboxes have a prefix of their own.
 * S3. Only nodes make consumers. Whoever makes one names the subject it delivers to, and NATS does not
 *     ask whether they may publish there: it would be a way around all of this.
 */

/** A kind of user. */
export type NatsRole = 'node' | 'operator' | 'observer'

/** Subjects a role may publish to and subscribe to. */
export interface NatsPermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

export const natsRoles: readonly NatsRole[] = ['node', 'operator', 'observer']

/** Prefix of a role's inboxes. */
export function inboxPrefixOf(role: NatsRole): string {
  return `_INBOX_${role}`
}

/** @param cluster name of the cluster */
export function permissionsOf(role: NatsRole, cluster: string): NatsPermissions {
  const bucket = `suanpan_${cluster}`
  const inbox = `${inboxPrefixOf(role)}.>`
  const look = ['$JS.API.INFO', '$JS.API.STREAM.INFO.*', '$JS.FC.>']
  const readKeys = `$JS.API.STREAM.MSG.GET.KV_${bucket}`
  switch (role) {
    case 'node':
      return {
        publish: [
          ...look,
          `SHARD.${cluster}.*`,
          `SNAP.${cluster}.*`,
          `$KV.${bucket}.>`,
          `sp.${cluster}.>`,
          '$JS.API.STREAM.CREATE.*',
          '$JS.API.STREAM.MSG.GET.*',
          // Watching keys, and reading a journal in bulk.
          '$JS.API.CONSUMER.CREATE.*',
          '$JS.API.CONSUMER.MSG.NEXT.*.*',
          '$JS.API.STREAM.PURGE.*',
          // Answers to whoever asked.
          ...natsRoles.map((asker) => `${inboxPrefixOf(asker)}.>`),
        ],
        subscribe: [`sp.${cluster}.>`, inbox],
      }
    case 'operator':
      return {
        publish: [
          ...look,
          '$JS.API.STREAM.MSG.GET.*',
          `$KV.${bucket}.config.>`,
          `sp.${cluster}.control`,
          `sp.${cluster}.status`,
          `sp.${cluster}.node.*.calls`,
          `sp.${cluster}.node.*.vitals`,
        ],
        subscribe: [inbox],
      }
    case 'observer':
      return {
        publish: [...look, readKeys, `sp.${cluster}.status`, `sp.${cluster}.node.*.vitals`],
        subscribe: [inbox],
      }
  }
}

/** The accounts of a server's configuration; passwords come from its environment. */
export function accountsConfiguration(cluster: string): string {
  const users = natsRoles.map((role) => {
    const { publish, subscribe } = permissionsOf(role, cluster)
    return [
      '      {',
      `        user: ${role}, password: $SUANPAN_${role.toUpperCase()}_PASSWORD`,
      '        permissions {',
      `          publish: { allow: ${listOf(publish)} }`,
      `          subscribe: { allow: ${listOf(subscribe)} }`,
      '        }',
      '      }',
    ].join('\n')
  })
  return [
    'accounts {',
    '  SUANPAN {',
    '    jetstream: enabled',
    '    users: [',
    ...users,
    '    ]',
    '  }',
    '  # Whoever runs NATS: may do everything with the servers, nothing with the payments.',
    '  SYS { users: [ { user: admin, password: $SUANPAN_ADMIN_PASSWORD } ] }',
    '}',
    'system_account: SYS',
    '',
  ].join('\n')
}

/** A server's whole configuration, to be completed with names, addresses and TLS. */
export function serverConfiguration(cluster: string): string {
  return `# NATS for a Suanpan cluster named "${cluster}": one of three servers.
#
# Set in the environment of each server: NATS_SERVER_NAME (its own, never used again by another one),
# NATS_STORE_DIR (on a disk of its own), NATS_ROUTES ([nats-route://route:password@host:6222, …]),
# NATS_ROUTE_PASSWORD, SUANPAN_NODE_PASSWORD, SUANPAN_OPERATOR_PASSWORD, SUANPAN_OBSERVER_PASSWORD,
# SUANPAN_ADMIN_PASSWORD. Users connect with the inbox prefix of their role: ${natsRoles.map(inboxPrefixOf).join(', ')}
# (suanpan does so by itself for these names; with others, give --nats-inbox).

server_name: $NATS_SERVER_NAME
listen: 0.0.0.0:4222
# For metrics, and for the check that servers sync. Keep it off public networks.
http: 127.0.0.1:8222
max_payload: 1MB

# Uncomment and name the files to speak TLS with clients; do the same within cluster {}.
# tls { cert_file: "/etc/nats/server.pem", key_file: "/etc/nats/server.key", ca_file: "/etc/nats/ca.pem" }

jetstream {
  store_dir: $NATS_STORE_DIR
  # Without this NATS acknowledges what a power failure can still take away.
  sync_interval: always
}

cluster {
  name: ${cluster}
  listen: 0.0.0.0:6222
  authorization { user: route, password: $NATS_ROUTE_PASSWORD }
  routes: $NATS_ROUTES
}

${accountsConfiguration(cluster)}`
}

function listOf(subjects: readonly string[]): string {
  const unique = [...new Set(subjects)]
  return `[ ${unique.map((subject) => `"${subject}"`).join(', ')} ]`
}
