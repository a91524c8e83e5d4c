import "reflect-metadata";
import { container, inject, injectable, Lifecycle, scoped } from "tsyringe";
import { CommandBus, MessageRouter, RelatedEvents } from "@cq/core";
import { MemoryOrderRepository, OrderPlaced, type OrderRepository, PlaceOrder, Transaction } from "./shop.ts";
import { tsyringeAdapter } from "./tsyringe.ts";

// An interface or an abstract class needs a token.
container.registerSingleton<OrderRepository>("OrderRepository", MemoryOrderRepository);

@scoped(Lifecycle.ContainerScoped)
class DisposableTransaction extends Transaction {
  dispose() {
    this.close();
  }
}

const router = new MessageRouter(tsyringeAdapter(container, [DisposableTransaction]));

@router.commandHandler(PlaceOrder)
@injectable()
export class PlaceOrderHandler {
  constructor(
    @inject("OrderRepository") private readonly orders: OrderRepository,
    private readonly transaction: DisposableTransaction,
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

const commands = container.resolve(CommandBus);
console.log(`placed ${await commands.dispatch(new PlaceOrder("a lamp"))}`);
console.log(`placed ${await commands.dispatch(new PlaceOrder("a chair"))}`);
