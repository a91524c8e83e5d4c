import { asClass, createContainer, InjectionMode } from "awilix";
import { type CommandBus, MessageRouter, type RelatedEvents } from "@cq/core";
import { awilixAdapter } from "./awilix.ts";
import { MemoryOrderRepository, OrderPlaced, type OrderRepository, PlaceOrder, Transaction } from "./shop.ts";

interface Cradle {
  commandBus: CommandBus;
  orders: OrderRepository;
  transaction: Transaction;
  relatedEvents: RelatedEvents;
}

const container = createContainer<Cradle>({ injectionMode: InjectionMode.PROXY, strict: true });
container.register({
  orders: asClass(MemoryOrderRepository).singleton(),
  transaction: asClass(Transaction).scoped().disposer((transaction) => transaction.close()),
});

const router = new MessageRouter(awilixAdapter(container));

@router.commandHandler(PlaceOrder)
export class PlaceOrderHandler {
  readonly #orders: OrderRepository;
  readonly #transaction: Transaction;
  readonly #events: RelatedEvents;

  constructor({ orders, transaction, relatedEvents }: Cradle) {
    this.#orders = orders;
    this.#transaction = transaction;
    this.#events = relatedEvents;
  }

  handle({ article }: PlaceOrder): number {
    const id = this.#orders.add(article);
    console.log(`transaction ${this.#transaction.number}: order ${id}`);
    this.#events.add(new OrderPlaced(id, article));
    return id;
  }
}

@router.eventHandler(OrderPlaced)
export class PrintOrder {
  handle({ id, article }: OrderPlaced): void {
    console.log(`order ${id} is ${article}`);
  }
}

const { commandBus } = container.cradle;
console.log(`placed ${await commandBus.dispatch(new PlaceOrder("a lamp"))}`);
console.log(`placed ${await commandBus.dispatch(new PlaceOrder("a chair"))}`);
