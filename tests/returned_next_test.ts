import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  type AnyMiddleware,
  Command,
  Event,
  EventDispatchError,
  MemoryQueue,
  MessageRouter,
  MiddlewareError,
  type Next,
  Pipe,
  Pump,
  Query,
} from "@cq/core";

// Looked at: async and plain functions, objects, foreign promises; at once and after an await; outermost, in the middle
// and innermost; on all buses, a pipeline and a pump. What must stay: results that are functions.

class Order extends Command<unknown> {}
class FindOrder extends Query<unknown> {}
class OrderPlaced extends Event {}

const pass: AnyMiddleware = async (_message, next) => await next();

class Thenable {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  then<A, B>(
    resolve?: ((value: unknown) => A | PromiseLike<A>) | null,
    reject?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return Promise.resolve(this.#value).then(resolve, reject) as Promise<A | B>;
  }
}

class Forgetful {
  async invoke(_message: object, next: Next): Promise<unknown> {
    return await Promise.resolve(next);
  }
}

const FORGETFUL: Readonly<Record<string, AnyMiddleware>> = {
  // deno-lint-ignore require-await -- the mistake
  "an async function": async function forgetful(_message, next) {
    return next;
  },
  "a function": function forgetful(_message, next) {
    return Promise.resolve(next);
  },
  "an async function that has waited": async function forgetful(_message, next) {
    await Promise.resolve();
    return next;
  },
  "a function that returns a foreign promise": function forgetful(_message, next) {
    return new Thenable(next);
  },
  "an object": new Forgetful(),
};

for (const [what, middleware] of Object.entries(FORGETFUL)) {
  Deno.test(`Bus.use() with ${what} that returns next and does not call it fails each dispatch`, async () => {
    const name = middleware instanceof Forgetful ? "Forgetful" : "forgetful";
    const message = `Cannot run "${name}": it returned next itself, and did not call it. Write "return next()"`;
    let handled = 0;
    const handle = () => ++handled;
    const errorOf = async (dispatch: () => Promise<unknown>) => {
      const error = await assertRejects(dispatch);
      return error instanceof EventDispatchError ? error.errors[0] : error;
    };
    const router = new MessageRouter();

    for (const around of [[middleware], [pass, middleware], [middleware, pass], [pass, middleware, pass]]) {
      const commands = router.newCommandBus().use(...around);
      const queries = router.newQueryBus().use(...around);
      const events = router.newEventBus().use(...around);
      if (router.commandTypes.length === 0) {
        commands.subscribe(Order, handle);
        queries.subscribe(FindOrder, handle);
        events.subscribe(OrderPlaced, handle);
      }
      const pipe = new Pipe(Order, handle).use(...around);
      const pump = async () => {
        const queue = new MemoryQueue<Order>({ maxSize: 1 });
        await queue.send(new Order());
        queue.close();
        return await new Pump(queue, handle).use(...around).drain();
      };
      for (
        const dispatch of [
          () => commands.dispatch(new Order()),
          () => queries.dispatch(new FindOrder()),
          () => events.dispatch(new OrderPlaced()),
          () => pipe.dispatch(new Order()),
          pump,
        ]
      ) {
        for (let round = 0; round < 2; round++) {
          const error = await errorOf(dispatch);
          assertEquals([error instanceof MiddlewareError, (error as Error).message], [true, message]);
        }
      }
    }
    assertEquals(handled, 0);
  });
}

Deno.test("Bus.use() lets a function that is a result through, whoever returns it", async () => {
  const result = () => "a function";
  const cached = () => "another function";
  const router = new MessageRouter();
  const queries = router.newQueryBus().use(pass, async (_message, next) => {
    await Promise.resolve();
    return await next();
  }).subscribe(FindOrder, () => result);
  const answering = router.newQueryBus().use(pass, async () => await Promise.resolve(cached));

  assertStrictEquals(await queries.dispatch(new FindOrder()), result);
  assertStrictEquals(await answering.dispatch(new FindOrder()), cached);
});
