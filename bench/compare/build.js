// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, Event, inject, MessageRouter, Query, RelatedEvents } from "@cq/core";

/**
 * What is measured of a build, bundled once with each so that no engine mixes up what it has learnt of them.
 *
 * @param {readonly string[]} [only] The names of the rows. All of them unless given.
 * @returns {Record<string, import("./measure.js").Variant>} The rows, by name.
 */
export function rows(only) {
  const all = {
    query: () =>
      withHandler(Query, "queryHandler", "newQueryBus", (handled) =>
        class {
          async handle(_query) {
            handled();
            return 1;
          }
        }),
    "command, one parameter": () =>
      withHandler(Command, "commandHandler", "newCommandBus", (handled) =>
        class {
          async handle(_command) {
            handled();
            return 1;
          }
        }),
    "command, two parameters": () =>
      withHandler(Command, "commandHandler", "newCommandBus", (handled) =>
        class {
          async handle(_command, _context) {
            handled();
            return 1;
          }
        }),
    "query, 3 classic middlewares": () => withMiddlewares("query", classic),
    "command, 3 classic middlewares": () => withMiddlewares("command", classic),
    "query, 3 sync generators": () => withMiddlewares("query", generators),
    "command, 3 sync generators": () => withMiddlewares("command", generators),
    "event, 3 handlers": event,
    "command, 1 related event": relatedEvent,
  };
  const names = only ?? Object.keys(all);
  return Object.fromEntries(names.map((name) => [name, all[name]()]));
}

function withHandler(Base, decorate, newBus, makeHandler, middlewares = []) {
  let count = 0;
  class Message extends Base {}
  const router = new MessageRouter();
  router[decorate](Message)(makeHandler(() => count++));
  const bus = router[newBus]().use(...middlewares);
  return { run: () => bus.dispatch(new Message()), handled: () => count };
}

function withMiddlewares(kind, makeMiddlewares) {
  const makeHandler = (handled) =>
    class {
      async handle(_message) {
        handled();
        return 1;
      }
    };
  return kind === "query"
    ? withHandler(Query, "queryHandler", "newQueryBus", makeHandler, makeMiddlewares())
    : withHandler(Command, "commandHandler", "newCommandBus", makeHandler, makeMiddlewares());
}

function classic() {
  return [
    async function first(_message, next) {
      return await next();
    },
    async function second(_message, next) {
      return await next();
    },
    async function third(_message, next) {
      return await next();
    },
  ];
}

function generators() {
  return [
    function* first() {
      yield;
    },
    function* second() {
      yield;
    },
    function* third() {
      yield;
    },
  ];
}

function event() {
  let count = 0;
  class Announced extends Event {}
  const router = new MessageRouter();
  router.eventHandler(Announced)(
    class {
      async handle(_event) {
        count++;
      }
    },
  );
  router.eventHandler(Announced)(
    class {
      async handle(_event) {}
    },
  );
  router.eventHandler(Announced)(
    class {
      async handle(_event) {}
    },
  );
  const bus = router.newEventBus();
  return { run: () => bus.dispatch(new Announced()), handled: () => count, hasOwnResult: true };
}

function relatedEvent() {
  let count = 0;
  class Create extends Command {}
  class Created extends Event {}
  const router = new MessageRouter();
  router.commandHandler(Create)(
    class {
      #events = inject(RelatedEvents);

      async handle(_command) {
        count++;
        this.#events.add(new Created());
        return 1;
      }
    },
  );
  router.eventHandler(Created)(
    class {
      async handle(_event) {}
    },
  );
  const bus = router.newCommandBus();
  return { run: () => bus.dispatch(new Create()), handled: () => count };
}
