import { Container, inject } from "@needle-di/core";
import { CommandBus, MessageRouter, RelatedEvents } from "@cq/core";
import { needleAdapter } from "./needle_di.ts";
import { MemoryOrderRepository, OrderPlaced, OrderRepository, PlaceOrder, Transaction } from "./shop.ts";

const container = new Container();
container.bind({ provide: OrderRepository, useClass: MemoryOrderRepository });

const router = new MessageRouter(needleAdapter(container, (scope, closing) => {
  scope.bind({
    provide: Transaction,
    useFactory: () => closing.adopt(new Transaction(), (transaction) => transaction.close()),
  });
}));

@router.commandHandler(PlaceOrder)
export class PlaceOrderHandler {
  constructor(
    private readonly orders = inject(OrderRepository),
    private readonly transaction = inject(Transaction),
    private readonly events = inject(RelatedEvents),
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
