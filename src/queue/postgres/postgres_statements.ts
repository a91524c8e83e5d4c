import { ENVELOPE_COLUMNS } from "../durable/envelope_row.ts";
import type { PostgresTables } from "./postgres_schema.ts";

/** The statements of a driver. Each takes its rows as one text of JSON, so that no client has to know a type. */
export interface PostgresStatements {
  readonly insert: string;
  /** Acks, and takes messages. */
  readonly turn: string;
  readonly ack: string;
  readonly nextDue: string;
  readonly retry: string;
  readonly giveBack: string;
  readonly renew: string;
  readonly bury: string;
  readonly listDead: string;
  readonly replay: string;
  readonly purge: string;
  readonly stats: string;
  readonly ping: string;
}

const HELD = "m.seq = r.seq and m.fence = r.fence and m.lease is not null";
const MS = "interval '1 millisecond'";

/** Rows of a parameter of JSON text. */
function rows(parameter: string, columns: string): string {
  return `json_to_recordset(${parameter}::text::json) as r(seq bigint, fence integer${columns})`;
}

/**
 * Writes the statements for the tables.
 *
 * @param tables The names of the tables.
 * @param options How long ids are known, and whether acks and claims do without a confirmed write.
 * @returns The statements.
 */
export function statementsFor(
  { qualified }: PostgresTables,
  { idWindowMs, relaxed }: { readonly idWindowMs: number; readonly relaxed: boolean },
): PostgresStatements {
  const [table, dead, ids] = [qualified(""), qualified("_dead"), qualified("_ids")];
  const remember = idWindowMs === 0 ? "" : `, remembered as (
      insert into ${ids} (queue, id, until) select queue, id, now() + ${idWindowMs} * ${MS} from acked
      on conflict (queue, id) do update set until = excluded.until
    ), forgotten as (delete from ${ids} where until <= now() and queue in (select queue from acked))`;
  const acked = `acked as (delete from ${table} m using ${rows("$1", "")} where ${HELD} returning m.seq, m.queue, m.id)
    ${remember}, relax as (select ${relaxed ? "set_config('synchronous_commit', 'off', true)" : "1"})`;
  const selected = "queue = $1::text and ($2::text is null or id in (select json_array_elements_text($2::text::json)))";
  return {
    insert: `insert into ${table} (queue, ${ENVELOPE_COLUMNS}, due)
      select $1::text, ${ENVELOPE_COLUMNS}, now() + delay * ${MS} from rows from (
        json_to_recordset($2::text::json) as (id text, name text, version integer, key text, headers text, time text,
          body text, delay float8)
      ) with ordinality as i(id, name, version, key, headers, time, body, delay, ord)
      where not exists (select 1 from ${dead} d where d.queue = $1::text and d.id = i.id)
        and not exists (select 1 from ${ids} k where k.queue = $1::text and k.id = i.id and k.until > now())
      order by ord on conflict (queue, id) do nothing`,
    turn: `with ${acked}, next as materialized (
        select m.seq, m.lease is not null as lost from ${table} m
        where m.queue = $2::text and m.due <= now() and (m.lease is null or m.lease < now())
          and (m.key is null or not exists (
            select 1 from ${table} p where p.queue = m.queue and p.key = m.key and p.seq < m.seq
              and p.seq not in (select seq from acked)))
        order by m.due, m.seq limit $3::integer for update of m skip locked
      ), claimed as (
        update ${table} m set lease = now() + $4::float8 * ${MS}, attempt = m.attempt + 1, fence = m.fence + 1
        from next where m.seq = next.seq returning m.*, next.lost
      ) select seq::text as seq, fence, attempt, ${ENVELOPE_COLUMNS}, lost, unknown,
        (extract(epoch from sent) * 1000)::float8 as sent
      from relax left join claimed on true order by claimed.due, claimed.seq`,
    ack: `with ${acked} select (select count(*) from acked)::integer as count from relax`,
    nextDue: `select (extract(epoch from min(due) - now()) * 1000)::float8 as ms from ${table}
      where queue = $1::text and due > now()`,
    retry: `update ${table} m set lease = null, due = clock_timestamp() + r.delay * ${MS},
      attempt = m.attempt - r.returned, unknown = r.unknown
      from ${rows("$1", ", delay float8, returned integer, unknown float8")} where ${HELD}`,
    giveBack: `update ${table} m set lease = null, attempt = m.attempt - 1 from ${rows("$1", "")} where ${HELD}`,
    // A row that is locked is being acked in a transaction: it is held, and is not waited for.
    renew: `with mine as (
        select m.seq from ${table} m join ${rows("$1", "")} on ${HELD} for update of m skip locked
      ), renewed as (
        update ${table} m set lease = now() + $2::float8 * ${MS} from mine where m.seq = mine.seq
      ) select r.seq::text as seq from ${rows("$1", "")} where not exists (select 1 from ${table} m where ${HELD})`,
    bury: `with buried as (
        delete from ${table} m using ${rows("$1", ", reason text")} where ${HELD} returning m.*, r.reason
      ) insert into ${dead} (queue, ${ENVELOPE_COLUMNS}, attempt, sent, reason)
      select queue, ${ENVELOPE_COLUMNS}, attempt, sent, reason from buried order by seq`,
    listDead: `select seq::text as seq, ${ENVELOPE_COLUMNS}, attempt, reason,
        (extract(epoch from died) * 1000)::float8 as died
      from ${dead} where queue = $1::text and seq > $2::text::bigint order by ${dead}.seq limit $3::integer`,
    replay: `with back as (
        delete from ${dead} where seq in (
          select seq from ${dead} where ${selected} order by seq limit $3::integer for update skip locked
        ) returning *
      ) insert into ${table} (queue, ${ENVELOPE_COLUMNS}, sent)
      select queue, ${ENVELOPE_COLUMNS}, sent from back order by seq returning 1 as one`,
    purge: `delete from ${dead} where ${selected} returning 1 as one`,
    stats: `select count(*) filter (where is_held)::integer as held,
        count(*) filter (where not is_held and not is_due)::integer as delayed,
        count(*) filter (where not is_held and is_due)::integer as waiting,
        (extract(epoch from now() - min(sent) filter (where not is_held and is_due)) * 1000)::float8 as oldest,
        (select count(*) from ${dead} where queue = $1::text)::integer as dead
      from (select sent, due <= now() as is_due, lease is not null and lease >= now() as is_held
        from ${table} where queue = $1::text) m`,
    ping: `select 1 as one from ${table} limit 0`,
  };
}
