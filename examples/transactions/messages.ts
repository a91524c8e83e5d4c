/** What the examples have in common: a command that writes a row, and the event that is stored in the same transaction. */
import { Command, Event } from "@cq/core";

export class PlaceOrder extends Command {
  readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }
}

export class OrderPlaced extends Event {
  readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }
}

/** The tables. A durable queue brings its own; this outbox is as small as an example can be. */
export const TABLES: string = `
  create table if not exists orders (id text primary key);
  create table if not exists outbox (name text not null, body text not null, metadata text)
`;

/** What is stored of an event. */
export function toRow(event: object, metadata: unknown): [name: string, body: string, metadata: string] {
  return [event.constructor.name, JSON.stringify(event), JSON.stringify(metadata ?? {})];
}
