/** What the four containers have in common to inject: a port with its adapter, and something that lives in a scope. */
import { Command, Event } from "@cq/core";

export class PlaceOrder extends Command<number> {
  readonly article: string;

  constructor(article: string) {
    super();
    this.article = article;
  }
}

export class OrderPlaced extends Event {
  readonly id: number;
  readonly article: string;

  constructor(id: number, article: string) {
    super();
    this.id = id;
    this.article = article;
  }
}

/** A port. */
export abstract class OrderRepository {
  abstract add(article: string): number;
}

/** Shared by all handlers. */
export class MemoryOrderRepository extends OrderRepository {
  readonly #articles: string[] = [];

  add(article: string): number {
    return this.#articles.push(article);
  }
}

/** Shared by all that one handler is built of, and closed after it. */
export class Transaction {
  static #count = 0;
  readonly number: number = ++Transaction.#count;

  close(): void {
    console.log(`transaction ${this.number}: closed`);
  }
}
