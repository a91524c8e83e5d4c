import { assertEquals, assertMatch } from "@std/assert";

/**
 * A mistake, and what the compiler says of it: the text that an editor shows at the line.
 *
 * The last line is the one to read, and it has to say what is wrong, and what to do where that is not plain.
 */
interface Mistake {
  readonly what: string;
  readonly line: string;
  readonly message: readonly string[];
}

const HEAD = `
import { Command, commandHandler, Event, MessageRouter, Query } from "@cq/core";

class CreateUser extends Command<number> {
  readonly name = "Ada";
}
class FindUser extends Query<string> {}
class UserCreated extends Event {}

const router = new MessageRouter();
const [commands, queries, events] = [router.newCommandBus(), router.newQueryBus(), router.newEventBus()];
`;

// Looked at: each mix of kinds, classes without a base, handlers as functions and as classes, plain and async results.
const MISTAKES: readonly Mistake[] = [
  {
    what: "a function that returns another result",
    line: "commands.subscribe(CreateUser, ({ name }) => name);",
    message: ["Type 'string' is not assignable to type 'number | Promise<number> | PromiseLike<number>'."],
  },
  {
    what: "an async function that returns another result",
    line: "commands.subscribe(CreateUser, async ({ name }) => name);",
    message: [
      "Type 'Promise<string>' is not assignable to type 'number | Promise<number> | PromiseLike<number>'.",
      "  Type 'Promise<string>' is not assignable to type 'Promise<number>'.",
      "    Type 'string' is not assignable to type 'number'.",
    ],
  },
  {
    what: "a handler class whose method returns another result",
    line: "commandHandler(CreateUser)(class Handler { async handle({ name }: CreateUser) { return name; } });",
    message: [
      "Argument of type 'typeof Handler' is not assignable to parameter of type " +
      "'HandlerClassFor<\"command\", typeof CreateUser>'.",
      "  Construct signature return types 'Handler' and 'Handler<CreateUser, number, CommandContext>' are incompatible.",
      "    The types returned by 'handle(...)' are incompatible between these types.",
      "      Type 'Promise<string>' is not assignable to type 'number | Promise<number> | PromiseLike<number>'.",
      "        Type 'Promise<string>' is not assignable to type 'Promise<number>'.",
      "          Type 'string' is not assignable to type 'number'.",
    ],
  },
  {
    what: "a handler class without the method",
    line: "commandHandler(CreateUser)(class Handler {});",
    message: [
      "Argument of type 'typeof Handler' is not assignable to parameter of type " +
      "'HandlerClassFor<\"command\", typeof CreateUser>'.",
      "  Property 'handle' is missing in type 'Handler' but required in type 'Handler<CreateUser, number, CommandContext>'.",
    ],
  },
  {
    what: "the class itself",
    line: "queries.dispatch(FindUser);",
    message: [
      "Argument of type 'typeof FindUser' is not assignable to parameter of type 'PlainMessage | Query<unknown>'.",
      "  Type 'typeof FindUser' is not assignable to type 'PlainMessage'.",
      "    Type 'typeof FindUser' is not assignable to type 'Unmistaken'.",
      "      Types of property 'prototype' are incompatible.",
      "        Type 'FindUser' is not assignable to type '\"the class itself: dispatch an instance, new …()\"'.",
    ],
  },
  {
    what: "a promise",
    line: "events.dispatch({} as PromiseLike<UserCreated>);",
    message: [
      "Argument of type 'PromiseLike<UserCreated>' is not assignable to parameter of type 'Event | PlainMessage'.",
      "  Type 'PromiseLike<UserCreated>' is not assignable to type 'PlainMessage'.",
      "    Type 'PromiseLike<UserCreated>' is not assignable to type 'Unmistaken'.",
      "      Types of property 'then' are incompatible.",
      "        Type '<TResult1 = UserCreated, TResult2 = never>(onfulfilled?: ((value: UserCreated) => TResult1 | " +
      "PromiseLike<TResult1>) | null | undefined, onrejected?: ((reason: any) => TResult2 | PromiseLike<...>) | ... 1 more " +
      "... | undefined) => PromiseLike<...>' is not assignable to type '\"a promise: await it first\"'.",
    ],
  },
  {
    what: "a string",
    line: 'events.dispatch("created");',
    message: ["Argument of type 'string' is not assignable to parameter of type 'Event | PlainMessage'."],
  },
];

/** The compiler shows the parts of a union in the order in which it has met them, which depends on all files. */
function inOrder(text: string): string {
  return text.replace(
    /'([\w<>]+) \| ([\w<>]+)'/g,
    (_, one: string, other: string) => `'${[one, other].sort().join(" | ")}'`,
  );
}

/** What the compiler says of each line, by its number. */
async function compile(source: string): Promise<Map<number, string[]>> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--check", "--quiet", "--no-lock", "--ext=ts", "-"],
    cwd: new URL("../", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const output = new TextDecoder().decode((await child.output()).stderr);

  const messages = new Map<number, string[]>();
  for (const error of output.split(/^TS\d+ \[ERROR\]: /m).slice(1)) {
    const [head, line] = error.split(/\n {4}at \S+?:(\d+):\d+$/m);
    // An indented error is a remark on the one before it. The line of the source and the mark below it stand last.
    if (!error.startsWith(" ")) messages.set(Number(line), inOrder(head!).split("\n").slice(0, -2));
  }
  return messages;
}

Deno.test("the compiler says of a mistake in a line that can be read what is wrong, and what to do", async () => {
  const source = HEAD + MISTAKES.map(({ line }) => line).join("\n");
  const messages = await compile(source);
  const first = HEAD.split("\n").length;
  const found = MISTAKES.map(({ what }, index) => ({ what, message: messages.get(first + index) ?? [] }));
  assertEquals(found, MISTAKES.map(({ what, message }) => ({ what, message: [...message] })));
});

Deno.test("the compiler says of a message on the bus of another kind which kind it is, or what to do", async () => {
  const messages = await compile(
    `${HEAD}commands.dispatch(new UserCreated());\nevents.dispatch(new CreateUser());\nqueries.dispatch(new CreateUser());`,
  );
  const endings = [...messages.values()].map((lines) => lines.at(-1)!.trim());
  assertEquals(endings.length, 3);
  // Of a union the compiler explains one part: which it is depends on all files.
  for (const ending of endings) {
    assertMatch(
      ending,
      /^Type '"(?:command|event)"' is not assignable to type '"\w+"'\.$|'"a message of another kind: dispatch it on the bus of its kind"'\.$/,
    );
  }
});
