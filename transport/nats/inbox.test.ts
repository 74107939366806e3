import { expect, it } from 'vitest'
import { isInbox, isInboxPrefix } from './inbox.js'

it.each([
  ['_INBOX.a.b', true],
  ['_INBOX_node.a', true],
  ['_R_.aBc123.x', true],
  ['_GR_.c.s._INBOX.a', true],
  ['_GR_.c.s.SHARD.pay.1', false],
  ['SHARD._INBOX.1', false],
  ['$KV._INBOX.1', false],
  ['_R_', false],
  ['_INBOX', false],
  ['', false],
])('C17: whether %j is an inbox: %s', (subject, is) => {
  expect(isInbox(subject)).toBe(is)
})

it.each(['_INBOX', '_INBOX_node', '_INBOX_node.a'])('inboxes below %j are inboxes', (prefix) => {
  expect(isInboxPrefix(prefix)).toBe(true)
  expect(isInbox(`${prefix}.x`)).toBe(true)
})

it.each(['', 'INBOX', 'SHARD', '_INBOX.', '_INBOX.>', '_INBOX.*', '_INBOX a'])(
  'inboxes can not begin with %j',
  (prefix) => {
    expect(isInboxPrefix(prefix)).toBe(false)
  },
)
