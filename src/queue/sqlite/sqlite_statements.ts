import { ENVELOPE_COLUMNS } from "../durable/envelope_row.ts";

/** The statements of a driver. Each is one text for a table, so that it is prepared once. */
export interface SqliteStatements {
  readonly insert: string;
  readonly claimable: string;
  readonly claim: string;
  readonly nextDue: string;
  readonly ack: string;
  readonly remember: string;
  readonly forget: string;
  readonly retry: string;
  readonly giveBack: string;
  readonly renew: string;
  readonly bury: string;
  readonly listDead: string;
  readonly replay: string;
  readonly purge: string;
  readonly stats: string;
}

/** A message is this process's as long as nobody has taken it since, and it was not given back. */
const HELD = "seq = ? and fence = ? and lease is not null";

/**
 * Writes the statements for a table.
 *
 * @param table The name of the table of messages.
 * @returns The statements.
 */
export function statementsFor(table: string): SqliteStatements {
  const dead = `${table}_dead`;
  // Parameters have no numbers: better-sqlite3 takes those for names. An id is known whose message waits, is held, is
  // dead, or was handled a short time ago.
  const isKnown = `
    exists (select 1 from ${dead} d where d.queue = p.queue and d.id = value ->> 'id')
    or exists (select 1 from ${table}_ids i where i.queue = p.queue and i.id = value ->> 'id' and i.until > p.now)`;
  const isFirstOfKey = `m.key is null or not exists
    (select 1 from ${table} p where p.queue = m.queue and p.key = m.key and p.seq < m.seq)`;
  const isFree = "(lease is null or lease < ?)";
  const selected = "queue = ? and (? is null or id in (select value from json_each(?)))";
  return {
    insert: `with p (queue, now, doc) as (select ?, ?, ?) insert into ${table} (queue, ${ENVELOPE_COLUMNS}, sent, due)
      select p.queue, value ->> 'id', value ->> 'name', value ->> 'version', value ->> 'key', value ->> 'headers',
        value ->> 'time', value ->> 'body', p.now, p.now + cast(value ->> 'delay' as integer)
      from p, json_each(p.doc) where not (${isKnown}) on conflict (queue, id) do nothing`,
    claimable: `select seq, ${ENVELOPE_COLUMNS}, attempt, fence, sent, lease, unknown from ${table} m
      where queue = ? and due <= ? and ${isFree} and (${isFirstOfKey}) order by due, seq limit ?`,
    claim: `update ${table} set lease = ?, attempt = attempt + 1, fence = fence + 1 where seq = ?`,
    nextDue: `select due from ${table} where queue = ? and due > ? order by due limit 1`,
    ack: `delete from ${table} where ${HELD} returning id`,
    remember: `insert into ${table}_ids (queue, id, until) values (?, ?, ?)
      on conflict (queue, id) do update set until = excluded.until`,
    forget: `delete from ${table}_ids where queue = ? and until <= ?`,
    retry: `update ${table} set lease = null, due = ?, unknown = ?, attempt = attempt - ? where ${HELD}`,
    giveBack: `update ${table} set lease = null, attempt = attempt - 1 where ${HELD}`,
    renew: `update ${table} set lease = ? where ${HELD} returning seq`,
    bury: `insert into ${dead} (queue, ${ENVELOPE_COLUMNS}, attempt, sent, died, reason)
      select queue, ${ENVELOPE_COLUMNS}, attempt, sent, ?, ? from ${table} where ${HELD}`,
    listDead: `select seq, ${ENVELOPE_COLUMNS}, attempt, died, reason from ${dead}
      where queue = ? and seq > ? order by seq limit ?`,
    replay: `insert into ${table} (sent, due, queue, ${ENVELOPE_COLUMNS})
      select sent, ?, queue, ${ENVELOPE_COLUMNS} from ${dead} where ${selected} order by seq limit ? returning id`,
    purge: `delete from ${dead} where ${selected} returning seq`,
    stats: `with p (queue, now) as (select ?, ?), m as (
        select sent, due <= p.now as is_due, lease is not null and lease >= p.now as is_held
        from p join ${table} t on t.queue = p.queue
      ) select count(*) filter (where is_held) as held,
        count(*) filter (where not is_held and not is_due) as delayed,
        count(*) filter (where not is_held and is_due) as waiting,
        min(sent) filter (where not is_held and is_due) as oldest,
        (select count(*) from ${dead} d join p on d.queue = p.queue) as dead from m`,
  };
}
