/** A circuit breaker and a bulkhead of cockatiel around the handlers of a bus, in one line. */
import { MessageRouter, Query } from "@cq/core";
import { bulkhead, circuitBreaker, ConsecutiveBreaker, handleAll, wrap } from "cockatiel";

class FindPrice extends Query<string> {}

const router = new MessageRouter();
let isShopOpen = false;
let calls = 0;

@router.queryHandler(FindPrice)
export class FindPriceHandler {
  async handle(_query: FindPrice): Promise<string> {
    calls++;
    await Promise.resolve(); // asks a shop far away
    if (!isShopOpen) throw new Error("The shop is closed");
    return "99 EUR";
  }
}

// At most two at a time and nobody queues; after three failures in a row nobody is let through for a while.
const breaker = circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(3), halfOpenAfter: 200 });
const policy = wrap(bulkhead(2, 0), breaker);

const queries = router.newQueryBus()
  .use((_message, next, { signal }) => policy.execute(({ signal }) => next(undefined, { signal }), signal));

async function findPrice(): Promise<void> {
  try {
    console.log(`The price is ${await queries.dispatch(new FindPrice())}`);
  } catch (error) {
    console.log(`${(error as Error).name}: ${(error as Error).message} (${calls} calls)`);
  }
}

for (let count = 0; count < 4; count++) await findPrice();

isShopOpen = true;
await new Promise((resolve) => setTimeout(resolve, 250));
await findPrice();

// Three at once are one too many.
await Promise.all([findPrice(), findPrice(), findPrice()]);
