/**
 * Who may do what in NATS: nodes, operators, observers. Made into the configuration that is shipped.
 *
 *               journals, snapshots   keys            bus            streams
 *   node        append, read, cut     all             all            make, look
 *   operator    read                  read            ask            look
 *   observer    –                     read            look           look
 *
 * S1. Nobody may delete a stream, change it, or remove a message from within it. That is for whoever
 *     runs NATS, under another account.
 * S2. Each role hears only answers to its own questions: its inboxes have a prefix of their own.
 * S3. Only nodes make consumers. Whoever makes one names the subject it delivers to, and NATS does not
 *     ask whether they may publish there: it would be a way around all of this.
 * S4. Operators and observers have accounts of their own, into which the account of the nodes lets what
 *     they may ask for, and nothing else. Whoever asks names the subject of the answer, and NATS does not
 *     ask whether they may publish there either. In their accounts no subject is a journal or a key.
 * S5. Only nodes write into streams. Whoever may write one key may do harm to the others that no server
 *     refuses: an expected id of the last message that is not its id freezes the whole stream for good
 *     (seen with 2.15.1). Operators ask the coordinator to change a setting.
 */

/** A kind of user. */
export type NatsRole = 'node' | 'operator' | 'observer'

/** Subjects a role may publish to and subscribe to. */
export interface NatsPermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

export const natsRoles: readonly NatsRole[] = ['node', 'operator', 'observer']

/** Roles that live in accounts of their own. */
const guests = ['operator', 'observer'] as const

/** Prefix of a role's inboxes. */
export function inboxPrefixOf(role: NatsRole): string {
  return `_INBOX_${role}`
}

/** @param cluster name of the cluster */
export function permissionsOf(role: NatsRole, cluster: string): NatsPermissions {
  const bucket = `suanpan_${cluster}`
  const inbox = `${inboxPrefixOf(role)}.>`
  const look = ['$JS.API.INFO', '$JS.API.STREAM.INFO.*']
  const readKeys = `$JS.API.STREAM.MSG.GET.KV_${bucket}`
  switch (role) {
    case 'node':
      return {
        publish: [
          ...look,
          '$JS.FC.>',
          `SHARD.${cluster}.*`,
          `SNAP.${cluster}.*`,
          `$KV.${bucket}.>`,
          `sp.${cluster}.>`,
          // Who founds a cluster looks for journals of one of this name.
          '$JS.API.STREAM.NAMES',
          '$JS.API.STREAM.CREATE.*',
          '$JS.API.STREAM.MSG.GET.*',
          // Watching keys, and reading a journal in bulk.
          '$JS.API.CONSUMER.CREATE.*',
          '$JS.API.CONSUMER.MSG.NEXT.*.*',
          '$JS.API.STREAM.PURGE.*',
          // Answers to whoever asked: other nodes, and through NATS those of the other accounts (S4).
          inbox,
          '_R_.>',
        ],
        subscribe: [`sp.${cluster}.>`, inbox],
      }
    case 'operator':
      return {
        publish: [
          ...look,
          '$JS.API.STREAM.MSG.GET.*',
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
  const exported = [...new Set(guests.flatMap((role) => permissionsOf(role, cluster).publish))]
  return [
    'accounts {',
    '  SUANPAN {',
    '    jetstream: enabled',
    ...usersOf('node', cluster),
    '    exports: [',
    ...exported.map((subject) => {
      const mayAsk = guests.filter((role) => permissionsOf(role, cluster).publish.includes(subject))
      return `      { service: "${subject}", accounts: ${wordsOf(mayAsk.map(accountOf))} }`
    }),
    '    ]',
    '  }',
    '  # Accounts of their own: NATS does not ask whether somebody may publish where they want an answer to go.',
    '  # In here no such place is a journal or a key (S4 in transport/nats/permissions.ts).',
    ...guests.flatMap((role) => [
      `  ${accountOf(role)} {`,
      ...usersOf(role, cluster),
      '    imports: [',
      ...permissionsOf(role, cluster).publish.map(
        (subject) => `      { service: { account: SUANPAN, subject: "${subject}" } }`,
      ),
      '    ]',
      '  }',
    ]),
    '  # Whoever runs NATS: may do everything with the servers, nothing with the payments.',
    '  SYS { users: [ { user: admin, password: $SUANPAN_ADMIN_PASSWORD } ] }',
    '}',
    'system_account: SYS',
    '',
  ].join('\n')
}

function accountOf(role: NatsRole): string {
  return role === 'node' ? 'SUANPAN' : `SUANPAN_${role.toUpperCase()}S`
}

function usersOf(role: NatsRole, cluster: string): string[] {
  const { publish, subscribe } = permissionsOf(role, cluster)
  return [
    '    users: [',
    '      {',
    `        user: ${role}, password: $SUANPAN_${role.toUpperCase()}_PASSWORD`,
    '        permissions {',
    `          publish: { allow: ${listOf(publish)} }`,
    `          subscribe: { allow: ${listOf(subscribe)} }`,
    '        }',
    '      }',
    '    ]',
  ]
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
  return wordsOf([...new Set(subjects)].map((subject) => `"${subject}"`))
}

function wordsOf(words: readonly string[]): string {
  return `[ ${words.join(', ')} ]`
}
