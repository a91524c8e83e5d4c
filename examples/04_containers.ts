/** Dependencies: tokens, lifetimes and scopes, and a unit test that needs no container. */
import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Command, CommandBus, Container, Event, inject, InjectionToken, MessageRouter, RelatedEvents } from "@cq/core";

/** What is no class is asked for by a token. */
const CURRENCY = new InjectionToken<string>("CURRENCY");

/** A port: abstract, so that nobody constructs it by accident. */
abstract class OrderRepository {
  abstract save(article: string): number;
}

/** Shared by all that one handler is built of, and disposed when the handler has settled. */
class Transaction {
  static #count = 0;
  readonly number = ++Transaction.#count;

  [Symbol.dispose](): void {
    console.log(`transaction ${this.number}: closed`);
  }
}

class SqlOrderRepository extends OrderRepository {
  readonly #transaction = inject(Transaction);

  save(article: string): number {
    console.log(`transaction ${this.#transaction.number}: saved ${article}`);
    return this.#transaction.number * 100;
  }
}

class PlaceOrder extends Command<number> {
  readonly article: string;

  constructor(article: string) {
    super();
    this.article = article;
  }
}

class OrderPlaced extends Event {
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

const container = new Container()
  .bind(CURRENCY, () => "EUR")
  .bind(Transaction, () => new Transaction(), { lifetime: "scoped" })
  .bind(OrderRepository, () => new SqlOrderRepository(), { lifetime: "transient" });

const router = new MessageRouter(container);

@router.commandHandler(PlaceOrder)
class PlaceOrderHandler {
  readonly #orders: OrderRepository;
  readonly #events: RelatedEvents;
  readonly #currency: string;

  constructor(orders = inject(OrderRepository), events = inject(RelatedEvents), currency = inject(CURRENCY)) {
    this.#orders = orders;
    this.#events = events;
    this.#currency = currency;
  }

  handle({ article }: PlaceOrder): number {
    const id = this.#orders.save(article);
    this.#events.add(new OrderPlaced(`order ${id} in ${this.#currency}`));
    return id;
  }
}

@router.eventHandler(OrderPlaced)
export class PrintOrder {
  handle({ text }: OrderPlaced): void {
    console.log(`event: ${text}`);
  }
}

const commands = container.get(CommandBus);
console.log(`placed ${await commands.dispatch(new PlaceOrder("a lamp"))}`);
console.log(`placed ${await commands.dispatch(new PlaceOrder("a chair"))}`);

// A scope can be opened by hand too, with or without `await using`.
{
  await using scope = container.createScope();
  console.log(`transaction ${scope.get(Transaction).number}: opened by hand`);
}

// A unit test passes fakes: the constructor's defaults are not evaluated, and no container is needed.
const saved: string[] = [];
const fake: OrderRepository = { save: (article) => saved.push(article) };
const events = new RelatedEvents();

assertEquals(new PlaceOrderHandler(fake, events, "USD").handle(new PlaceOrder("a book")), 1);
assertEquals(saved, ["a book"]);
assertEquals([...events], [new OrderPlaced("order 1 in USD")]);
console.log("unit test: passed without a container");
