/**
 * The kind `merchant`: an account that is opened without a credit limit.
 *
 * M1. A merchant is a kind of its own, so `account/x` and `merchant/x` are two accounts.
 */
import { defineAccount } from '../account/account.js'

export const merchant = defineAccount('merchant')
