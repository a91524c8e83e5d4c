import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Command, type Constructor, Container, inject, MessageRouter } from "@cq/core";

class Repository {
  readonly name: string = "users";
}

class Rename extends Command<string> {}

class WithRepository {
  readonly repository: Repository;

  constructor(repository: Repository) {
    this.repository = repository;
  }
}

class WithTwo extends WithRepository {
  readonly clock: unknown;

  constructor(repository: Repository, clock: unknown) {
    super(repository);
    this.clock = clock;
  }
}

// deno-lint-ignore no-explicit-any -- what a mixin takes
type Base = new (...args: any[]) => object;

function withLog<B extends Base>(base: B) {
  return class Logged extends base {
    readonly lines: string[] = [];
  };
}

function withArguments<B extends Base>(base: B) {
  return class Passing extends base {
    // deno-lint-ignore no-explicit-any -- what mixins of TypeScript are written like
    constructor(...args: any[]) {
      super(...args);
    }
  };
}

/** Makes a class of its source: the compilers of the tests would write another one. */
function evaluate(source: string, scope: Record<string, unknown> = {}): Constructor {
  return new Function(...Object.keys(scope), `return ${source}`)(...Object.values(scope)) as Constructor;
}

// Looked at: no constructor, a mixin without one and with `...args`, two levels, a default before a parameter, a pattern,
// nested defaults with brackets and strings, a parent that is compiled to a function; a method or a comment that looks like
// a constructor.
const REFUSED: readonly (readonly [what: string, type: Constructor, count: number])[] = [
  ["inherits it", class Inherits extends WithRepository {}, 1],
  ["inherits it over two levels", class Deep extends (class extends WithTwo {}) {}, 2],
  ["inherits it through a mixin", class Mixed extends withLog(WithRepository) {}, 1],
  ["inherits it through a mixin with ...args", class Passed extends withArguments(WithTwo) {}, 2],
  ["has a default before a parameter", evaluate("class H { constructor(clock = Date, repository) {} }"), 2],
  ["has a pattern behind a default", evaluate("class H { constructor(a = f(1, ')'), { b }) {} }"), 2],
  ["has a default that is a function", evaluate("class H { constructor(a = (x, y) => [x, y], b) {} }"), 2],
  [
    "has a constructor behind a class within it",
    evaluate("class H { static I = class { constructor() {} }; constructor(a = 1, b) {} }"),
    2,
  ],
  ["has a comment in its parameters", evaluate("class H { constructor(a = 1 /* , ) */, b) {} }"), 2],
  [
    "inherits it, with a method that looks like one",
    class Odd extends WithRepository {
      copy(): unknown {
        return new (this.constructor as new () => unknown)();
      }
    },
    1,
  ],
  ["inherits it from a function", evaluate("class H extends Parent {}", { Parent: function (_a: unknown) {} }), 1],
];

for (const [what, type, count] of REFUSED) {
  Deno.test(`Container.wire() refuses a handler whose constructor expects arguments: it ${what}`, () => {
    const error = assertThrows(() => new Container().wire(type), TypeError);

    assertEquals(
      error.message,
      `Cannot construct "${type.name}": its constructor expects arguments (${count}). Give each parameter a default, ` +
        'such as inject(…), or bind the class with the lifetime "transient"',
    );
  });
}

const ACCEPTED: readonly (readonly [what: string, type: Constructor])[] = [
  ["has no constructor and no base", class Plain {}],
  [
    "has a constructor of its own without parameters",
    class Own extends WithRepository {
      constructor() {
        super(new Repository());
      }
    },
  ],
  [
    "has a default for each parameter",
    class Defaults extends WithRepository {
      constructor(repository: Repository = inject(Repository)) {
        super(repository);
      }
    },
  ],
  ["has a pattern with a default", evaluate("class H { constructor({ a, b } = {}, [c] = []) {} }")],
  ["has defaults and a rest", evaluate("class H { constructor(a = 1, ...rest) {} }")],
  ["has a rest, and no base", evaluate("class H { constructor(...rest) {} }")],
  ["has a string that looks like a constructor", evaluate(`class H { text = "constructor(a)"; }`)],
  ["has a comment that looks like a constructor", evaluate(`class H { /* constructor(a) {} */ x = 1; }`)],
  [
    "has a class within it whose constructor expects arguments",
    evaluate("class H { static I = class { constructor(a) {} } }"),
  ],
  [
    "has a base whose own base expects arguments",
    evaluate("class H extends (class extends P { constructor() { super(1) } }) {}", {
      P: WithRepository,
    }),
  ],
  ["calls its constructor as a property", evaluate("class H { copy() { return new this.constructor(1) } }")],
  ["is a function", evaluate("function H() {}")],
];

for (const [what, type] of ACCEPTED) {
  Deno.test(`Container.wire() accepts a handler that ${what}`, () => {
    const container = new Container();
    container.bind(Repository, () => new Repository());

    container.wire(type)(undefined as never);
  });
}

Deno.test("A handler that inherits its constructor is refused at its first dispatch, and not in the middle of the handler", async () => {
  class RenameHandler extends WithRepository {
    handle(_command: Rename): string {
      return this.repository.name;
    }
  }
  const router = new MessageRouter();
  router.commandHandler(Rename)(RenameHandler);

  await assertRejects(
    () => router.newCommandBus().dispatch(new Rename()),
    TypeError,
    'Cannot construct "RenameHandler": its constructor expects arguments (1)',
  );
});

Deno.test("A handler that inherits its constructor works where it is bound", async () => {
  class RenameHandler extends WithRepository {
    handle(_command: Rename): string {
      return this.repository.name;
    }
  }
  const container = new Container();
  container.bind(RenameHandler, () => new RenameHandler(new Repository()), { lifetime: "transient" });
  const router = new MessageRouter(container);
  router.commandHandler(Rename)(RenameHandler);

  assertEquals(await router.newCommandBus().dispatch(new Rename()), "users");
});
