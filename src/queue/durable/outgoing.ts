import type { MessageCodec } from "../../codec.ts";
import type { Envelope } from "../../envelope.ts";
import { describe } from "../../naming.ts";
import type { SendOptions } from "../queue.ts";
import type { Outgoing, QueueDriver } from "./queue_driver.ts";

/** What decides whether a message can be sent. */
export interface OutgoingRules<T> {
  readonly name: string;
  readonly codec: MessageCodec<T>;
  readonly maxBytes: number;
  readonly driver: Pick<QueueDriver, "hasKeys" | "hasIds" | "hasDelays">;
}

const MAX_TEXT = 255;

/**
 * Makes of a message what a driver writes down.
 *
 * @param message The message.
 * @param options What the sender adds to it.
 * @param rules What decides whether it can be sent.
 * @returns The message with its delay, plainly where the codec is synchronous.
 * @throws {RangeError} If the queue does not promise what the options ask for, or a value is out of its range.
 */
export function outgoingOf<T>(
  message: T,
  options: SendOptions,
  rules: OutgoingRules<T>,
): Outgoing | PromiseLike<Outgoing> {
  const { metadata, key, delay = 0, id } = options;
  const { name, codec, driver } = rules;
  const cannot = `Cannot send ${describe(message)} to the queue "${name}"`;
  function refuse(what: string, isPromised: boolean | undefined): void {
    if (!isPromised) throw new RangeError(`${cannot} with ${what}: this queue does not promise it`);
  }
  if (key !== undefined) refuse("a key", driver.hasKeys);
  if (id !== undefined) refuse("an id", driver.hasIds);
  if (!(delay >= 0 && delay < Infinity)) {
    throw new RangeError(`${cannot} with a delay of ${delay} ms: must be a number from 0`);
  }
  if (delay > 0) refuse("a delay", driver.hasDelays);
  function check(envelope: Envelope): Outgoing {
    for (const what of ["id", "name", "key"] as const) checkText(what, envelope[what]);
    const bytes = byteLength(envelope.body);
    if (bytes <= rules.maxBytes) return { envelope, delayMs: delay };
    const advice = "Send where the data is instead of the data, or allow more with maxBytes";
    throw new RangeError(`${cannot}: its body has ${bytes} bytes, and ${rules.maxBytes} are allowed. ${advice}`);
  }
  function checkText(what: string, text: string | undefined): void {
    if (text === undefined || text.length > 0 && text.length <= MAX_TEXT && !/[\0\p{Surrogate}]/u.test(text)) return;
    const quoted = JSON.stringify(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
    const rule = `must have 1 to ${MAX_TEXT} characters, all of them whole, and no NUL`;
    throw new RangeError(`${cannot} with the ${what} ${quoted}: ${rule}`);
  }
  const envelope = codec.encode(message, { metadata, key, id });
  return "then" in envelope ? envelope.then(check) : check(envelope);
}

/** How many bytes a text has in UTF-8. Most texts are short enough to know without counting. */
function byteLength(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
