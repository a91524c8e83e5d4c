import type { DispatchOptions } from "./context.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "./dispatcher.ts";
import { Command, Event, type MessageType, Query } from "./message.ts";
import { isInstanceOf } from "./message_class.ts";
import { typeNameOf } from "./naming.ts";

/** What dispatches the messages of each kind: a bus, a pipeline, or a function. */
export interface DispatchersByKind {
  /** Dispatches commands. */
  readonly commands?: Dispatcher<never> | undefined;
  /** Dispatches queries. */
  readonly queries?: Dispatcher<never> | undefined;
  /** Dispatches events. */
  readonly events?: Dispatcher<never> | undefined;
}

/**
 * The messages that {@linkcode byKind} takes.
 *
 * @typeParam D What dispatches them.
 */
export type MessagesByDispatchers<D extends DispatchersByKind> =
  | MessagesOf<D["commands"], Query<unknown> | Event>
  | MessagesOf<D["queries"], Command<unknown> | Event>
  | MessagesOf<D["events"], Command<unknown> | Query<unknown>>;

/** @internal */
type MessagesOf<D, Others> = D extends Dispatcher<infer M> ? Exclude<M, Others> : never;

/**
 * Makes a dispatcher of several: for a queue that carries messages of more than one kind.
 *
 * The class of a message says which one it goes to. A message whose class extends none of the three bases goes to the first
 * bus that has a handler for it: commands, then queries, then events.
 *
 * @typeParam D What dispatches the messages.
 * @param dispatchers What dispatches the messages of each kind: a bus, a pipeline, or a function.
 * @returns The dispatcher. It rejects with a `TypeError` if a message has nowhere to go.
 * @throws {TypeError} If one of them is not a dispatcher.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byKind, Command, Event, MemoryQueue, MessageRouter, Pump } from "@cq/core";
 *
 * class PlaceOrder extends Command {}
 * class OrderPlaced extends Event {}
 *
 * const log: string[] = [];
 * const router = new MessageRouter();
 * const commands = router.newCommandBus().subscribe(PlaceOrder, () => void log.push("place"));
 * const events = router.newEventBus().subscribe(OrderPlaced, () => log.push("placed"));
 *
 * const queue = new MemoryQueue<PlaceOrder | OrderPlaced>({ maxSize: 10 });
 * await queue.send(new PlaceOrder());
 * await queue.send(new OrderPlaced());
 * queue.close();
 *
 * await new Pump(queue, byKind({ commands, events })).drain();
 *
 * assertEquals(log, ["place", "placed"]);
 * ```
 */
export function byKind<D extends DispatchersByKind>(dispatchers: D): DispatcherFunction<MessagesByDispatchers<D>> {
  const kinds = [
    toKind("a command", { base: Command, dispatcher: dispatchers.commands }),
    toKind("a query", { base: Query, dispatcher: dispatchers.queries }),
    toKind("an event", { base: Event, dispatcher: dispatchers.events }),
  ];

  return async function dispatchByKind(message: unknown, options?: DispatchOptions): Promise<unknown> {
    const kind = kinds.find(({ base }) => isInstanceOf(message, base));
    if (kind === undefined) return await dispatchPlain(message, { kinds, options });
    if (kind.dispatch !== undefined) return await kind.dispatch(message, options);
    throw new TypeError(
      `Cannot dispatch "${
        typeNameOf(message)
      }": it is ${kind.name}, and byKind() was given nothing that dispatches this kind`,
    );
  };
}

/** What dispatches the messages of one kind. */
interface Kind {
  readonly name: string;
  readonly base: MessageType;
  readonly dispatch: DispatcherFunction<unknown> | undefined;
  /** Whether it has a handler for a message. */
  readonly canHandle: (message: unknown) => boolean;
}

function toKind(
  name: string,
  { base, dispatcher }: { readonly base: MessageType; readonly dispatcher: Dispatcher<never> | undefined },
): Kind {
  if (dispatcher === undefined) return { name, base, dispatch: undefined, canHandle: () => false };
  const dispatch = toDispatchFunction(dispatcher) as DispatcherFunction<unknown>;
  // Buses can tell. A pipeline handles one message, and a function cannot be asked.
  const bus = dispatcher as { readonly canHandle?: (message: unknown) => boolean };
  return { name, base, dispatch, canHandle: (message) => bus.canHandle?.(message) ?? false };
}

function dispatchPlain(
  message: unknown,
  { kinds, options }: { readonly kinds: readonly Kind[]; readonly options: DispatchOptions | undefined },
): unknown {
  const kind = kinds.find(({ canHandle }) => canHandle(message));
  if (kind !== undefined) return kind.dispatch!(message, options);
  throw new TypeError(
    `Cannot dispatch "${
      typeNameOf(message)
    }": its class extends neither Command, Query nor Event, and none of the buses ` +
      "has a handler for it. Register one, or extend the base of its kind",
  );
}
