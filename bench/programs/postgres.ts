/** A measured process: the client of PostgreSQL. Two counters an account, one row a payment with its key. */
import type pg from 'pg'
import { amountEach, type Found } from '../harness/acknowledged.js'
import { BenchFailed } from '../harness/bench-failed.js'
import { servePeer, type PeerClient, type PeerSetup } from './peer-load.js'
import type { Parties } from './parties.js'

const schema = `
  CREATE TABLE accounts (
    id integer PRIMARY KEY,
    debits bigint NOT NULL DEFAULT 0,
    credits bigint NOT NULL DEFAULT 0,
    CHECK (credits >= debits)
  );
  CREATE TABLE payments (
    id bigserial PRIMARY KEY,
    key text NOT NULL,
    payer integer NOT NULL,
    payee integer NOT NULL,
    amount bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (payer, key)
  );
  CREATE FUNCTION pay(the_key text, the_payer integer, the_payee integer, the_amount bigint)
  RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE made bigint;
  BEGIN
    INSERT INTO payments (key, payer, payee, amount)
      VALUES (the_key, the_payer, the_payee, the_amount)
      ON CONFLICT (payer, key) DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN
      SELECT id INTO made FROM payments WHERE payer = the_payer AND key = the_key;
      RETURN made;
    END IF;
    UPDATE accounts SET debits = debits + the_amount
      WHERE id = the_payer AND credits - debits >= the_amount;
    IF NOT FOUND THEN RAISE EXCEPTION 'insufficient_funds'; END IF;
    UPDATE accounts SET credits = credits + the_amount WHERE id = the_payee;
    RETURN made;
  END $$;
`

const fundsEach = 1_000_000_000_000

async function connect({ endpoint, window }: PeerSetup): Promise<PeerClient> {
  const driver = await loadDriver()
  const settings = { ...endpoint, user: 'bench', database: 'postgres' }
  const pool = new driver.Pool({ ...settings, max: window })
  // A connection that breaks fails its own query; without this it would end the process.
  pool.on('error', () => undefined)
  await reachable(pool)
  return {
    async fill(parties: Parties): Promise<void> {
      await pool.query(schema)
      const funds =
        'INSERT INTO accounts SELECT id, 0, CASE WHEN id < $2::int OR id = $1::int THEN $3::bigint ELSE 0 END FROM generate_series(0, $1::int) id'
      await pool.query(funds, [parties.count - 1, parties.accounts, fundsEach])
      await pool.query('VACUUM ANALYZE accounts')
    },
    pay: (key, payer, payee) =>
      pool.query({
        name: 'pay',
        text: 'SELECT pay($1, $2, $3, $4)',
        values: [key, payer, payee, amountEach],
      }),
    found: (parties) => findPayments(pool, parties),
  }
}

async function findPayments(
  pool: pg.Pool,
  parties: Parties,
): Promise<Found & { conserved: boolean }> {
  const paid = new Float64Array(parties.count)
  const received = new Float64Array(parties.count)
  const { rows } = await pool.query<{ id: number; debits: string; credits: string }>(
    'SELECT id, debits, credits FROM accounts',
  )
  for (const { id, debits, credits } of rows) {
    const funds = id < parties.accounts || id === parties.campaign ? fundsEach : 0
    paid[id] = Number(debits) / amountEach
    received[id] = (Number(credits) - funds) / amountEach
  }
  const sum = (side: Float64Array): number => side.reduce((total, one) => total + one, 0)
  const counted = await pool.query<{ count: string }>('SELECT count(*) FROM payments')
  const payments = Number(counted.rows[0]?.count)
  return { paid, received, conserved: sum(paid) === sum(received) && sum(paid) === payments }
}

async function loadDriver(): Promise<typeof pg> {
  try {
    return (await import('pg')).default
  } catch {
    throw new BenchFailed('The client of PostgreSQL is not installed; run "npm install pg".')
  }
}

const triesMax = 300
const retryMs = 100

async function reachable(pool: pg.Pool): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await pool.query('SELECT 1')
      return
    } catch (error) {
      if (tries === triesMax) throw error
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

servePeer(connect)
