import { MessageRouter, type Middleware, Query, type QueryBus } from "@cq/core";

/** What {@linkcode loggingBus} answers. */
export class FindUser extends Query<string> {
  readonly name: string;

  constructor(name = "Ada") {
    super();
    this.name = name;
  }
}

/**
 * Makes a bus whose handler notes its calls, and fails as often as it is told to before it answers.
 *
 * @param log Where the handler notes its calls.
 * @param options How often the handler fails.
 * @returns The bus.
 */
export function loggingBus(log: string[], options: { failures?: number } = {}): QueryBus {
  const { failures = 0 } = options;
  let attempt = 0;
  return new MessageRouter().newQueryBus().subscribe(FindUser, ({ name }) => {
    log.push("handler");
    if (++attempt <= failures) throw new Error(`failure ${attempt}`);
    return `user ${name}`;
  });
}

/**
 * Makes a middleware that notes when it runs.
 *
 * @param log Where it notes that.
 * @param name What it calls itself.
 * @returns The middleware.
 */
export function logging(log: string[], name: string): Middleware {
  return async (_message, next) => {
    log.push(`${name} before`);
    const result = await next();
    log.push(`${name} after`);
    return result;
  };
}

/**
 * Passes off as a middleware what plain JavaScript may hand over, whatever the types say.
 *
 * @param value Anything.
 * @returns The same.
 */
export function untyped(value: unknown): Middleware {
  return value as Middleware;
}
