import type { HandlerContext } from "../../context.ts";
import { describe, typeNameOf } from "../../naming.ts";
import type { Outbox } from "../../queue/outbox.ts";
import type { Producer } from "../../queue/queue.ts";
import { eventListOf, NO_EVENTS } from "../../related_events.ts";
import type { UnitOfWork } from "./unit_of_work.ts";

/** Chooses where an event is stored. `undefined` publishes it in the process, after the commit. */
export type OutboxRoute<Tx> = (event: object) => Outbox<Tx> | undefined;

/** A transaction, and where its events go. */
export interface EventStorage<Tx> {
  readonly tx: Tx;
  readonly unit: UnitOfWork;
  readonly route: OutboxRoute<Tx>;
}

/**
 * Takes the events of a command that has succeeded: stores those that have an outbox, and leaves the others to the
 * outermost dispatch, with what publishes them.
 *
 * @typeParam Tx The transaction.
 * @param context The context of the middleware. Only that of a command has events.
 * @param storage The transaction, and where its events go.
 * @throws {TypeError} If the dispatch of the command has settled already, so that the events are lost.
 */
export async function storeEvents<Tx>({ events }: HandlerContext, storage: EventStorage<Tx>): Promise<void> {
  if (events === undefined) return;
  const { tx, unit, route } = storage;
  const taken = events.take();
  const { metadata } = events;

  const left: object[] = [];
  const producers = new Map<Outbox<Tx>, Producer<never>>();
  const sends: Promise<void>[] = [];
  for (const event of taken) {
    const outbox = route(event);
    if (outbox === undefined) {
      left.push(event);
      continue;
    }
    requireOutbox(outbox, `store "${typeNameOf(event)}" in`);
    let producer = producers.get(outbox);
    if (producer === undefined) producers.set(outbox, producer = outbox.within(tx));
    unit.outboxes.add(outbox);
    // All at once, so that the producer can store them in one statement.
    sends.push(send(producer, event, { metadata }));
  }
  const failure = (await Promise.allSettled(sends)).find(({ status }) => status === "rejected");
  if (failure !== undefined) throw (failure as PromiseRejectedResult).reason;
  if (left.length > 0) unit.publications.push(eventListOf(events).publicationOf!(left, metadata));
}

/**
 * Drops the events of a command that is rolled back: a middleware may swallow its error.
 *
 * @param context The context of the middleware.
 */
export function dropEvents({ events }: HandlerContext): void {
  if (events !== undefined) eventListOf(events).events = NO_EVENTS;
}

/**
 * Refuses what is not an outbox.
 *
 * @param outbox What should be one.
 * @param verb What it should be used for.
 */
export function requireOutbox(outbox: unknown, verb: string): void {
  if (typeof (outbox as Partial<Outbox<unknown>> | null)?.within === "function") return;
  throw new TypeError(`Cannot ${verb} ${describe(outbox)}: it has no method "within". Use a queue that is an outbox`);
}

/** Turns a synchronous throw into a rejection. */
async function send(
  producer: Producer<never>,
  event: object,
  options: NonNullable<Parameters<Producer<never>["send"]>[1]>,
): Promise<void> {
  await producer.send(event as never, options);
}
