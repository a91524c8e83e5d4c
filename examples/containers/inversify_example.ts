import "reflect-metadata";
import { Container, ContainerModule, injectable } from "inversify";
import { CommandBus, MessageRouter, RelatedEvents } from "@cq/core";
import { inversifyAdapter } from "./inversify.ts";
import { MemoryOrderRepository, OrderPlaced, OrderRepository, PlaceOrder, Transaction } from "./shop.ts";

const container = new Container();
container.bind(OrderRepository).to(MemoryOrderRepository).inSingletonScope();

const scopeModule = new ContainerModule(({ bind }) => {
  bind(Transaction).toSelf().inSingletonScope().onDeactivation((transaction) => transaction.close());
});

const router = new MessageRouter(inversifyAdapter(container, scopeModule));

@router.commandHandler(PlaceOrder)
@injectable()
export class PlaceOrderHandler {
  constructor(
    private readonly orders: OrderRepository,
    private readonly transaction: Transaction,
    private readonly events: RelatedEvents,
  ) {}

  handle({ article }: PlaceOrder): number {
    const id = this.orders.add(article);
    console.log(`transaction ${this.transaction.number}: order ${id}`);
    this.events.add(new OrderPlaced(id, article));
    return id;
  }
}

@router.eventHandler(OrderPlaced)
export class PrintOrder {
  handle({ id, article }: OrderPlaced): void {
    console.log(`order ${id} is ${article}`);
  }
}

const commands = container.get(CommandBus);
console.log(`placed ${await commands.dispatch(new PlaceOrder("a lamp"))}`);
console.log(`placed ${await commands.dispatch(new PlaceOrder("a chair"))}`);
