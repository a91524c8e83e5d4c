import type { Envelope } from "../../envelope.ts";
import type { Outgoing } from "./queue_driver.ts";

/** An envelope in the columns of a table. */
export interface EnvelopeRow {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly key: string | null;
  /** JSON text. */
  readonly headers: string;
  readonly time: string;
  readonly body: string;
}

/** The columns of an envelope, in SQL. */
export const ENVELOPE_COLUMNS = "id, name, version, key, headers, time, body";

/**
 * Writes messages as JSON text, one object a message, for databases that read it as rows.
 *
 * @param messages The messages.
 * @returns A list of rows with a `delay` each.
 */
export function rowsJson(messages: readonly Outgoing[]): string {
  return JSON.stringify(messages.map(({ envelope, delayMs }) => {
    const { id, name, version, key = null, headers, time, body } = envelope;
    return { id, name, version, key, headers: JSON.stringify(headers), time, body, delay: delayMs };
  }));
}

/**
 * Reads an envelope from the columns of a table.
 *
 * @param row The row.
 * @returns The envelope. Headers that are not JSON are left out: the codec decides what it needs.
 */
export function envelopeOf({ id, name, version, key, headers, time, body }: EnvelopeRow): Envelope {
  return { id, name, version, time, headers: parseHeaders(headers), body, ...(key === null ? {} : { key }) };
}

function parseHeaders(text: string): Readonly<Record<string, string>> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
