// Compiling this file is the test: if an assertion on types does not hold, or if the compiler accepts code that it
// should refuse, `deno test` fails before anything runs. Functions passed to `compiled` are never called.

import {
  Command,
  type CommandPipeline,
  ContextPipeline,
  type Dispatcher,
  dispatchSequentially,
  Event,
  type MessageIn,
  MessageRouter,
  type MessagesByKind,
  type MethodPipeline,
  Pipe,
  Query,
  type ResultAfter,
} from "@cq/core";

/** Whether two types are the same. Types that are assignable to each other may still differ. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles if the type is `true`. */
function holds<T extends true>(this: T | void): void {}

/** Takes code that is compiled and never called. */
function compiled(_code: () => unknown): void {}

class CreateUser extends Command<number> {
  readonly name = "Ada";
}

class WelcomeUser extends Command<string> {
  readonly id = 1;
}

class ForgetUser extends Command {
  readonly id = 1;
}

class FindBirthday extends Query<Date> {
  readonly id = 1;
}

class UserCreated extends Event {
  readonly id = 1;
}

class Plain {
  readonly isPlain = true;
}

class SignUp {
  userId = 0;
}

class Demanding {
  readonly userId: number;

  constructor(userId: number) {
    this.userId = userId;
  }
}

abstract class Unfinished {
  userId = 0;
}

const router = new MessageRouter();
const commands = router.newCommandBus();
const queries = router.newQueryBus();
const signUp = router.commandPipeline(CreateUser, SignUp);
const isLucky = () => Math.random() > 0.5;

Deno.test("ContextPipeline gives each step the result of the message before, and the context", () => {
  signUp
    .step((result, context) => {
      holds<Equal<typeof result, number>>();
      holds<Equal<typeof context, SignUp>>();
      return new WelcomeUser();
    })
    .query((result, context) => {
      holds<Equal<typeof result, string>>();
      holds<Equal<typeof context, SignUp>>();
      return new FindBirthday();
    })
    .step((result) => {
      holds<Equal<typeof result, Date>>();
      return new ForgetUser();
    })
    .step((result) => {
      holds<Equal<typeof result, void>>();
      return new Plain();
    })
    .step((result) => {
      holds<Equal<typeof result, unknown>>();
    });
});

Deno.test("ContextPipeline sees through the promises of async steps", () => {
  signUp
    .step(async () => await Promise.resolve(new WelcomeUser()))
    .query(async (result) => {
      holds<Equal<typeof result, string>>();
      return isLucky() ? await Promise.resolve(new FindBirthday()) : undefined;
    })
    .step(async (result) => {
      holds<Equal<typeof result, Date>>();
      await Promise.resolve();
    });
});

Deno.test("ContextPipeline gives a step a union where the one before returns one of several, undefined removed", () => {
  signUp
    .step(() => isLucky() ? new CreateUser() : isLucky() ? new WelcomeUser() : undefined)
    .step((result) => {
      holds<Equal<typeof result, number | string>>();
    });
});

Deno.test("ContextPipeline keeps the types of its steps through use()", () => {
  signUp.step(() => new WelcomeUser()).use(async (_message, next) => await next()).step((result) => {
    holds<Equal<typeof result, string>>();
  });
});

Deno.test("ContextPipeline.dispatch() and run() promise the context", () => {
  class InvitedSignUp extends SignUp {
    readonly invitedBy = "Grace";
  }
  const ended = signUp.step(() => {});
  const dispatch = () => ended.dispatch(new CreateUser());
  const run = () => ended.run(SignUp, new CreateUser(), { metadata: {} });
  const seeded = () => ended.run(new InvitedSignUp(), new CreateUser());
  const fresh = () => ended.run(InvitedSignUp, new CreateUser());

  holds<Equal<ReturnType<typeof dispatch>, Promise<SignUp>>>();
  holds<Equal<ReturnType<typeof run>, Promise<SignUp>>>();
  holds<Equal<ReturnType<typeof seeded>, Promise<InvitedSignUp>>>();
  holds<Equal<ReturnType<typeof fresh>, Promise<InvitedSignUp>>>();
});

Deno.test("ContextPipeline.step() refuses a value that is not a command", () => {
  // @ts-expect-error a query
  signUp.step(() => new FindBirthday());
  // @ts-expect-error an event
  signUp.step(() => new UserCreated());
  // @ts-expect-error a query, by promise
  signUp.step(() => Promise.resolve(new FindBirthday()));
  // @ts-expect-error a query among commands
  signUp.step(() => isLucky() ? new WelcomeUser() : new FindBirthday());
  // @ts-expect-error a number
  signUp.step(() => 5);
  // @ts-expect-error a string, by promise
  signUp.step(async () => await Promise.resolve("text"));
  // @ts-expect-error null
  signUp.step(() => null);
});

Deno.test("ContextPipeline.query() refuses a value that is not a query", () => {
  // @ts-expect-error a command
  signUp.query(() => new WelcomeUser());
  // @ts-expect-error an event
  signUp.query(() => new UserCreated());
  // @ts-expect-error null
  signUp.query(() => null);
});

Deno.test("ContextPipeline refuses a step that takes another result or another context", () => {
  // @ts-expect-error the result is a number
  signUp.step((_result: string) => new WelcomeUser());
  // @ts-expect-error the context is a SignUp
  signUp.step((_result: number, _context: Demanding & { more: true }) => new WelcomeUser());
});

Deno.test("ContextPipeline refuses a step after one that always ends the run", () => {
  const ended = signUp.step(() => {});
  compiled(() => {
    // @ts-expect-error the run has ended
    ended.step(() => new WelcomeUser());
    // @ts-expect-error the run has ended
    ended.query(() => new FindBirthday());
    // @ts-expect-error the run has ended, through use() too
    ended.use(async (_message, next) => await next()).step(() => new WelcomeUser());
    // @ts-expect-error the run has ended, by promise
    signUp.query(async () => {}).step(() => new WelcomeUser());
    // @ts-expect-error the run has ended
    signUp.step(() => undefined).step(() => new WelcomeUser());
  });
});

Deno.test("ContextPipeline refuses another first message, and a context that lacks what the steps need", () => {
  compiled(() => {
    // @ts-expect-error another command
    signUp.dispatch(new WelcomeUser());
    // @ts-expect-error another command
    signUp.run(SignUp, new WelcomeUser());
    // @ts-expect-error no SignUp
    signUp.run({ name: "Ada" }, new CreateUser());
    // @ts-expect-error not a class of a SignUp
    signUp.run(Plain, new CreateUser());
    // @ts-expect-error a class that needs arguments
    signUp.run(Demanding, new CreateUser());
    // @ts-expect-error an abstract class
    signUp.run(Unfinished, new CreateUser());
  });
});

Deno.test("new ContextPipeline() refuses a context class that cannot be constructed without arguments", () => {
  compiled(() => {
    // @ts-expect-error it needs an argument
    new ContextPipeline({ message: CreateUser, context: Demanding }, { dispatcher: commands });
    // @ts-expect-error it is abstract
    new ContextPipeline({ message: CreateUser, context: Unfinished }, { dispatcher: commands });
    // @ts-expect-error it needs an argument
    router.commandPipeline(CreateUser, Demanding);
    // @ts-expect-error it is abstract
    router.commandPipeline(CreateUser, Unfinished);
  });
});

Deno.test("new ContextPipeline() knows from its dispatchers what its steps may return", () => {
  const types = { message: CreateUser, context: SignUp };
  const pipeline = new ContextPipeline(types, { dispatcher: commands, queryDispatcher: queries });
  const alone = new ContextPipeline(types, { dispatcher: commands });
  const anything = new ContextPipeline(types, { dispatcher: (message: object) => message });

  pipeline.step(() => new WelcomeUser()).query(() => new FindBirthday()).step((result) => {
    holds<Equal<typeof result, Date>>();
  });
  anything.step(() => new UserCreated()).query(() => new WelcomeUser()).step((result) => {
    holds<Equal<typeof result, string>>();
  });
  // @ts-expect-error a query
  pipeline.step(() => new FindBirthday());
  // @ts-expect-error the command bus does not take queries
  alone.query(() => new FindBirthday());
  // @ts-expect-error the first message is not a command
  new ContextPipeline({ message: FindBirthday, context: SignUp }, { dispatcher: commands });
});

Deno.test("CommandPipeline names what router.commandPipeline() returns, and a pipeline with steps by its last result", () => {
  compiled(() => {
    const pipeline = router.commandPipeline(CreateUser, SignUp);
    holds<Equal<typeof pipeline, CommandPipeline<CreateUser, SignUp>>>();
    const welcoming = pipeline.step(() => new WelcomeUser());
    holds<Equal<typeof welcoming, CommandPipeline<CreateUser, SignUp, string>>>();
  });
  // @ts-expect-error the first message is not a command
  compiled((_: CommandPipeline<FindBirthday, SignUp>) => {});
});

Deno.test("router.commandPipeline() refuses a first message that is not a command", () => {
  // @ts-expect-error a query
  router.commandPipeline(FindBirthday, SignUp);
  // @ts-expect-error an event
  router.commandPipeline(UserCreated);
});

Deno.test("Pipe gives each step the last result, and promises the last one", () => {
  const pipe = new Pipe(CreateUser, commands);
  const one = pipe.step((result) => {
    holds<Equal<typeof result, number>>();
    return new WelcomeUser();
  });
  const other = one.step(async (result) => {
    holds<Equal<typeof result, string>>();
    return await Promise.resolve(new ForgetUser());
  });
  const dispatches = {
    none: () => pipe.dispatch(new CreateUser()),
    one: () => one.dispatch(new CreateUser()),
    other: () => other.dispatch(new CreateUser()),
  };

  holds<Equal<ReturnType<typeof dispatches.none>, Promise<number>>>();
  holds<Equal<ReturnType<typeof dispatches.one>, Promise<string>>>();
  holds<Equal<ReturnType<typeof dispatches.other>, Promise<void>>>();
});

Deno.test("Pipe promises undefined too where one of its steps may end the run", () => {
  const may = new Pipe(CreateUser, commands).step(() => isLucky() ? new WelcomeUser() : undefined);
  const further = may.step((result) => {
    holds<Equal<typeof result, string>>();
    return new CreateUser();
  });
  const always = new Pipe(CreateUser, commands).step(() => {});
  const dispatches = {
    may: () => may.dispatch(new CreateUser()),
    further: () => further.dispatch(new CreateUser()),
    always: () => always.dispatch(new CreateUser()),
    wrapped: () => further.use(async (_message, next) => await next()).dispatch(new CreateUser()),
  };

  holds<Equal<ReturnType<typeof dispatches.may>, Promise<string | undefined>>>();
  holds<Equal<ReturnType<typeof dispatches.further>, Promise<number | undefined>>>();
  holds<Equal<ReturnType<typeof dispatches.always>, Promise<undefined>>>();
  holds<Equal<ReturnType<typeof dispatches.wrapped>, Promise<number | undefined>>>();
});

Deno.test("Pipe.step() knows from the dispatcher of a step what it may return", () => {
  const pipe = new Pipe(CreateUser, commands);
  const findAlone = (_query: FindBirthday) => new Date();

  pipe.step((_id) => new FindBirthday(), { dispatcher: queries }).step((result) => {
    holds<Equal<typeof result, Date>>();
    return new WelcomeUser();
  });
  pipe.step((_id) => new FindBirthday(), { dispatcher: findAlone });
  pipe.step((_id) => new CreateUser(), { dispatcher: signUp });
  compiled(() => {
    // @ts-expect-error the query bus does not take commands
    pipe.step(() => new WelcomeUser(), { dispatcher: queries });
    // @ts-expect-error the function takes another query
    pipe.step((_id) => new WelcomeUser(), { dispatcher: findAlone });
    // @ts-expect-error the pipeline takes another command
    pipe.step((_id) => new WelcomeUser(), { dispatcher: signUp });
    // @ts-expect-error it dispatches nothing
    pipe.step(() => new WelcomeUser(), { dispatcher: new SignUp() });
  });
});

Deno.test("Pipe refuses what its dispatcher does not accept", () => {
  const pipe = new Pipe(CreateUser, commands);
  compiled(() => {
    // @ts-expect-error a query
    pipe.step(() => new FindBirthday());
    // @ts-expect-error no message
    pipe.step(() => 5);
    // @ts-expect-error null
    pipe.step(() => null);
    // @ts-expect-error the first message is a command
    new Pipe(CreateUser, queries);
    // @ts-expect-error another first message
    pipe.dispatch(new WelcomeUser());
  });
});

Deno.test("Pipe refuses a step after one that always ends the run", () => {
  const pipe = new Pipe(CreateUser, commands);
  compiled(() => {
    // @ts-expect-error the run has ended
    pipe.step(() => {}).step(() => new WelcomeUser());
    // @ts-expect-error the run has ended, whatever the dispatcher
    pipe.step(async () => {}).step(() => new FindBirthday(), { dispatcher: queries });
    // @ts-expect-error the run has ended, through use() too
    pipe.step(() => {}).use(async (_message, next) => await next()).step(() => new WelcomeUser());
  });
});

Deno.test("Pipe and ContextPipeline are dispatchers of their first message", () => {
  const dispatchers: Dispatcher<CreateUser>[] = [new Pipe(CreateUser, commands), signUp, signUp.step(() => {})];
  compiled(() => dispatchers.map((dispatcher) => dispatchSequentially(dispatcher, new CreateUser())));
  // @ts-expect-error another message
  const refused: Dispatcher<WelcomeUser> = signUp;
  compiled(() => refused);
});

Deno.test("MethodPipeline.run() promises the context that it is given", () => {
  const pipeline = router.commandPipeline(CreateUser);
  holds<Equal<typeof pipeline, MethodPipeline<CreateUser, MessagesByKind["command"], MessagesByKind["query"]>>>();

  const fresh = () => pipeline.run(SignUp, new CreateUser());
  const seeded = () => pipeline.run(new SignUp(), new CreateUser(), { metadata: {} });
  const demanding = () => pipeline.run(new Demanding(1), new CreateUser());

  holds<Equal<ReturnType<typeof fresh>, Promise<SignUp>>>();
  holds<Equal<ReturnType<typeof seeded>, Promise<SignUp>>>();
  holds<Equal<ReturnType<typeof demanding>, Promise<Demanding>>>();
});

Deno.test("MethodPipeline.run() refuses another first message, and a class that it cannot construct", () => {
  const pipeline = router.commandPipeline(CreateUser);
  compiled(() => {
    // @ts-expect-error another command
    pipeline.run(SignUp, new WelcomeUser());
    // @ts-expect-error it needs an argument
    pipeline.run(Demanding, new CreateUser());
    // @ts-expect-error it is abstract
    pipeline.run(Unfinished, new CreateUser());
  });
});

Deno.test("MethodPipeline.step() and queryStep() take methods of every shape", () => {
  const pipeline = router.commandPipeline(CreateUser);

  class Context {
    @pipeline.step
    created(_id: number): WelcomeUser {
      return new WelcomeUser();
    }

    @pipeline.queryStep
    async welcomed(_greeting: string): Promise<FindBirthday | undefined> {
      return await Promise.resolve(undefined);
    }

    @pipeline.step
    found(birthday: Date): WelcomeUser | ForgetUser | Plain | undefined {
      return birthday.getDay() === 0 ? undefined : new ForgetUser();
    }

    @pipeline.step
    forgotten(): void {}

    @pipeline.step
    async done(): Promise<void> {}
  }
  compiled(() => Context);
});

Deno.test("MethodPipeline.step() and queryStep() refuse methods that cannot be steps", () => {
  const pipeline = router.commandPipeline(CreateUser);
  compiled(() => {
    class Context {
      // @ts-expect-error it does not return a message
      @pipeline.step
      number(): number {
        return 5;
      }

      // @ts-expect-error it does not return a message, by promise
      @pipeline.step
      async text(): Promise<string> {
        return await Promise.resolve("text");
      }

      // @ts-expect-error it returns null
      @pipeline.step
      nothing(): null {
        return null;
      }

      // @ts-expect-error it returns a query
      @pipeline.step
      query(): FindBirthday {
        return new FindBirthday();
      }

      // @ts-expect-error it returns an event
      @pipeline.step
      event(): UserCreated {
        return new UserCreated();
      }

      // @ts-expect-error it returns a command
      @pipeline.queryStep
      command(): WelcomeUser {
        return new WelcomeUser();
      }

      // @ts-expect-error it needs a second argument
      @pipeline.step
      greedy(_result: number, _more: number): void {}

      // @ts-expect-error it is static
      @pipeline.step
      static static(): void {}

      // @ts-expect-error it is a field
      @pipeline.step
      field = (): void => {};

      // @ts-expect-error it is a getter
      @pipeline.step
      get getter(): undefined {
        return undefined;
      }
    }
    return Context;
  });
});

Deno.test("MessageIn and ResultAfter say what a step returns, and what comes of it", () => {
  holds<Equal<MessageIn<CreateUser | undefined>, CreateUser>>();
  holds<Equal<MessageIn<void>, never>>();
  holds<Equal<ResultAfter<CreateUser | WelcomeUser | undefined>, number | string>>();
  holds<Equal<ResultAfter<Plain>, unknown>>();
  holds<Equal<ResultAfter<void>, never>>();
});
