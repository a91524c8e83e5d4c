// Messages and a router for the tests of transactions.

import {
  type AnyMiddleware,
  Command,
  CommandBus,
  Container,
  Event,
  EventBus,
  type HandlerContext,
  MessageRouter,
  Query,
  QueryBus,
} from "@cq/core";
import { FakeDatabase } from "./fake_database.ts";

export class PlaceOrder extends Command<unknown> {
  readonly id: string;

  constructor(id = "order") {
    super();
    this.id = id;
  }
}

/** What a handler of {@linkcode PlaceOrder} dispatches. */
export class TakeStock extends Command<unknown> {
  readonly id: string;

  constructor(id = "stock") {
    super();
    this.id = id;
  }
}

export class FindStock extends Query<unknown> {}

export class OrderPlaced extends Event {
  readonly id: string;

  constructor(id = "order") {
    super();
    this.id = id;
  }
}

export class StockTaken extends Event {}

/** The middlewares of the three buses. */
export interface ShopMiddlewares {
  readonly commands?: readonly AnyMiddleware[];
  readonly queries?: readonly AnyMiddleware[];
  readonly events?: readonly AnyMiddleware[];
}

export interface Shop {
  readonly database: FakeDatabase;
  readonly commands: CommandBus;
  readonly queries: QueryBus;
  readonly events: EventBus;
  /** The events that have been published in the process, and the contexts of their handler. */
  readonly published: object[];
  readonly contexts: HandlerContext[];
}

/** A router with a database. Its step `publish` is the handler of both events. */
export function openShop(
  middlewares: (database: FakeDatabase) => ShopMiddlewares,
  database = new FakeDatabase(),
): Shop {
  const container = new Container();
  new MessageRouter(container);
  const used = middlewares(database);
  const commands = container.get(CommandBus).use(...used.commands ?? []);
  const queries = container.get(QueryBus).use(...used.queries ?? []);
  const events = container.get(EventBus).use(...used.events ?? []);
  const published: object[] = [];
  const contexts: HandlerContext[] = [];
  for (const type of [OrderPlaced, StockTaken]) {
    events.subscribe(type, async (event: object, context) => {
      published.push(event);
      contexts.push(context);
      await database.step("publish");
    });
  }
  return { database, commands, queries, events, published, contexts };
}
