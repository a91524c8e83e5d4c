/** What runs around handlers: three kinds of middleware, a retry, a timeout and a listener. */
import { Command, type DispatchContext, MessageRouter, type Middleware, Query, retry, timeout } from "@cq/core";

class TransferMoney extends Command<string> {}
class FindRate extends Query<number> {}

const router = new MessageRouter();

let attempts = 0;

@router.commandHandler(TransferMoney)
export class TransferMoneyHandler {
  handle(_command: TransferMoney): string {
    attempts++;
    console.log(`    handler: attempt ${attempts}`);
    if (attempts < 3) throw new Error("The bank is busy");
    return "done";
  }
}

@router.queryHandler(FindRate)
export class FindRateHandler {
  /** A handler heeds its signal: most APIs take one. */
  handle(_query: FindRate, { signal }: { signal: AbortSignal | undefined }): Promise<number> {
    return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  }
}

/** A classic middleware decides on the result. */
const shout: Middleware = async (_message, next) => {
  console.log("classic: before");
  const result = await next();
  console.log(`classic: after, "${result}" becomes upper case`);
  return String(result).toUpperCase();
};

/** An async generator sees the result, or the error at its `yield`, and cannot replace it. */
const log: Middleware = async function* (message) {
  console.log(`  async generator: before ${message.constructor.name}`);
  const result = yield;
  await Promise.resolve();
  console.log(`  async generator: after, the result is "${result}"`);
};

/** A sync generator does the same where nothing is awaited. */
const count: Middleware = function* () {
  try {
    yield;
  } catch (error) {
    console.log(`  sync generator: failed, "${(error as Error).message}"`);
    throw error;
  }
};

const commands = router.newCommandBus()
  .listen((message: object, { kind }: DispatchContext) =>
    console.log(`listener: a ${kind}, ${message.constructor.name}`)
  )
  .use(shout, log)
  .use(retry({ attempts: 3, delay: 5, factor: 2 }), count);

console.log(`Transferred: ${await commands.dispatch(new TransferMoney())}`);

const queries = router.newQueryBus().use(timeout(20));
try {
  await queries.dispatch(new FindRate());
} catch (error) {
  console.log(`${(error as Error).name}: ${(error as Error).message}`);
}
