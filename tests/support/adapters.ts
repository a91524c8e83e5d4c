import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  type AnyMiddleware,
  type Constructor,
  type DIAdapter,
  type DispatchOptions,
  EventDispatchError,
  type HandlerContext,
  MessageRouter,
} from "@cq/core";

export type Kind = "command" | "query" | "event";
export const KINDS: readonly Kind[] = ["command", "query", "event"];
export const NAMES: Readonly<Record<Kind, string>> = { command: "a command", query: "a query", event: "an event" };

/** The two ways in which a scope can be disposed. */
export const DISPOSALS = ["dispose", "asyncDispose"] as const;

export type Handle = (message: object, context: HandlerContext) => unknown;

/** A foreign container. A test adds what it needs. */
export function adapterWith<Scope>(parts: Partial<DIAdapter<Scope>> = {}): DIAdapter<Scope> {
  return {
    wire: (type) => () => new type(),
    lazy: () => () => {
      throw new Error("Nothing is bound");
    },
    ...parts,
  };
}

/** A router with one handler of the kind, a class or a function; returns a function that dispatches a message to it. */
export function setUp<Scope>(
  kind: Kind,
  { adapter, handler, handle = () => {}, middlewares = [] }: {
    adapter: DIAdapter<Scope>;
    handler?: Constructor<{ handle: Handle }>;
    handle?: Handle;
    middlewares?: readonly AnyMiddleware[];
  },
): (options?: DispatchOptions) => Promise<unknown> {
  const router = new MessageRouter(adapter);
  class Message {}
  switch (kind) {
    case "command": {
      const bus = router.newCommandBus().use(...middlewares);
      if (handler === undefined) bus.subscribe(Message, handle);
      else router.commandHandler(Message)(handler);
      return (options) => bus.dispatch(new Message(), options);
    }
    case "query": {
      const bus = router.newQueryBus().use(...middlewares);
      if (handler === undefined) bus.subscribe(Message, handle);
      else router.queryHandler(Message)(handler);
      return (options) => bus.dispatch(new Message(), options);
    }
    case "event": {
      const bus = router.newEventBus().use(...middlewares);
      if (handler === undefined) bus.subscribe(Message, handle);
      else router.eventHandler(Message)(handler);
      return (options) => bus.dispatch(new Message(), options);
    }
  }
}

/** A scope that records its disposal. */
export function noting(log: string[], name = "disposed"): Disposable {
  return { [Symbol.dispose]: () => void log.push(name) };
}

/** Expects a dispatch to fail, and returns the error of the handler, which an event wraps. */
export async function errorOf(kind: Kind, dispatched: Promise<unknown>): Promise<unknown> {
  const error = await assertRejects(() => dispatched);
  if (kind !== "event") return error;
  assertInstanceOf(error, EventDispatchError);
  assertEquals(error.errors.length, 1);
  return error.errors[0];
}

/** Resolves after the reactions to all settled promises have run. */
export function idle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
