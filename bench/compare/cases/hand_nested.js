// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
/**
 * Three async functions around a handler, as one would write them without a bus: the limit for three middlewares.
 */
export const handNested = { handled: 0 };

class Message {}
class Handler {
  async handle(_message) {
    handNested.handled++;
    return 1;
  }
}

async function first(message, next) {
  return await next(message);
}

async function second(message, next) {
  return await next(message);
}

async function third(message, next) {
  return await next(message);
}

export function callHandNested() {
  const message = new Message();
  return first(
    message,
    () =>
      second(
        message,
        () => third(message, () => new Handler().handle(message)),
      ),
  );
}
