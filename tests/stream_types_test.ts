// Compiling this file is the test: if an assertion on types does not hold, or if the compiler accepts code that it
// should refuse, `deno test` fails before anything runs. Functions passed to `compiled` are never called.

import {
  type CommandBus,
  type EventBus,
  type Handler,
  type HandlerContext,
  type ItemStream,
  type MessageRouter,
  Query,
  type QueryBus,
  queryHandler,
  type ResultOf,
  type StreamContext,
  StreamQuery,
  type StreamSource,
} from "@cq/core";
import { recordingBus } from "@cq/core/testing";
import { compiled, type Equal, FindName, having, holds } from "./support/typed_messages.ts";

declare const commands: CommandBus;
declare const queries: QueryBus;
declare const events: EventBus;
declare const router: MessageRouter;

interface Line {
  readonly level: "info" | "error";
  readonly text: string;
}

class TailLog extends StreamQuery<Line> {
  readonly path: string = "app.log";
}
class Count extends StreamQuery<number> {
  readonly to = 3;
}

Deno.test("QueryBus.stream() gives exactly the items of the query", () => {
  compiled(async () => {
    const stream = queries.stream(new TailLog());
    holds<Equal<typeof stream, ItemStream<Line>>>();
    for await (const line of stream) holds<Equal<typeof line, Line>>();
    const step = await stream.next();
    if (step.done) holds<Equal<typeof step.value, undefined>>();
    else holds<Equal<typeof step.value, Line>>();

    const either = queries.stream(Math.random() > 0.5 ? new TailLog() : new Count());
    holds<Equal<typeof either, ItemStream<Line | number>>>();
  });
});

Deno.test("An ItemStream fits where an async iterable or an iterator is taken", () => {
  compiled(async () => {
    const iterable: AsyncIterable<Line> = queries.stream(new TailLog());
    const iterator: AsyncIterator<Line, undefined> = queries.stream(new TailLog());
    await using _disposable: AsyncDisposable = queries.stream(new TailLog());
    async function* delegate() {
      yield* queries.stream(new TailLog());
    }
    // @ts-expect-error -- the items are lines
    const numbers: AsyncIterable<number> = queries.stream(new TailLog());
    // @ts-expect-error -- nothing needs it
    queries.stream(new TailLog()).throw(new Error());
    return [iterable, iterator, delegate, numbers];
  });
});

Deno.test("QueryBus.stream() takes stream queries alone", () => {
  compiled(() => {
    // @ts-expect-error -- a query is dispatched
    queries.stream(new FindName());
    class Plain {}
    // @ts-expect-error -- a plain message is dispatched
    queries.stream(new Plain());
    // @ts-expect-error -- a class is not a message
    queries.stream(TailLog);
    // @ts-expect-error -- other buses have no streams
    commands.stream(new TailLog());
    // @ts-expect-error -- other buses have no streams
    events.stream(new TailLog());
  });
});

Deno.test("A stream query is dispatched by no bus", () => {
  compiled(() => {
    // @ts-expect-error -- its items come from stream()
    queries.dispatch(new TailLog());
    // @ts-expect-error -- nor with a result that the caller names
    queries.dispatch<Line[]>(new TailLog());
    // @ts-expect-error -- it is not a command
    commands.dispatch(new TailLog());
    // @ts-expect-error -- it is not an event
    events.dispatch(new TailLog());
  });
  compiled(() => {
    // @ts-expect-error -- it has no handler on the command bus
    commands.subscribe(TailLog, () => []);
    // @ts-expect-error -- it has no handler on the event bus
    events.subscribe(TailLog, () => {});
  });
});

Deno.test("A handler of a stream query may return every kind of source", () => {
  compiled(() => {
    const line: Line = { level: "info", text: "started" };
    queries.subscribe(TailLog, async function* ({ path }, { signal, stream }) {
      holds<Equal<typeof path, string>>();
      holds<Equal<typeof signal, AbortSignal>>();
      holds<Equal<typeof stream.items, number>>();
      yield { level: "info", text: path };
    });
    queries.subscribe(TailLog, function* () {
      yield { level: "error", text: "" };
    });
    queries.subscribe(TailLog, () => [line]);
    queries.subscribe(TailLog, () => [{ level: "info", text: "" }]);
    queries.subscribe(TailLog, () => new Set([line]));
    queries.subscribe(TailLog, () => new ReadableStream<Line>());
    queries.subscribe(TailLog, () => Promise.resolve([line]));
    queries.subscribe(TailLog, async () => await Promise.resolve(new ReadableStream<Line>()));
    queries.subscribe(TailLog, () => queries.stream(new TailLog()));
    queryHandler(TailLog)(having(async function* (_query: TailLog, _context: StreamContext) {
      yield line;
    }));
    queryHandler(TailLog)(having(async function* (_query: TailLog, _context: HandlerContext) {
      yield line;
    }));
    router.queryHandler([TailLog])(having(() => [line]));
  });
});

Deno.test("A handler of a stream query has to return a source of its items", () => {
  compiled(() => {
    // @ts-expect-error -- items of another type
    queries.subscribe(TailLog, () => [1]);
    // @ts-expect-error -- items of another type
    queries.subscribe(TailLog, async function* () {
      yield 1;
    });
    // @ts-expect-error -- a literal that the item does not have
    queries.subscribe(TailLog, async function* () {
      yield { level: "debug", text: "" };
    });
    // @ts-expect-error -- one item is not a source
    queries.subscribe(TailLog, () => ({ level: "info", text: "" }));
    // @ts-expect-error -- nothing is not a source
    queries.subscribe(TailLog, () => {});
    // @ts-expect-error -- a class whose items are of another type
    queryHandler(TailLog)(having(() => [1]));
    class Letters extends StreamQuery<string> {}
    // @ts-expect-error -- a string is iterable, and not meant
    queries.subscribe(Letters, () => "abc");
    // @ts-expect-error -- a handler of another message
    queryHandler(TailLog)(having((_query: Count) => [] as Line[]));
  });
});

Deno.test("A handler of a stream query and another one has the context that both have", () => {
  class FindLines extends Query<Line[]> {}
  compiled(() => {
    router.queryHandler([TailLog, FindLines])(
      having((_query: TailLog | FindLines, _context: HandlerContext) => [] as Line[]),
    );
    const handler = having((_query: TailLog | FindLines, _context: StreamContext) => [] as Line[]);
    // @ts-expect-error -- a plain query has no stream
    router.queryHandler([TailLog, FindLines])(handler);
  });
});

Deno.test("failSilently is refused for every stream query", () => {
  class MaybeLines extends StreamQuery<Line | undefined> {}
  compiled(() => {
    // @ts-expect-error -- a stream that breaks off has to fail
    queries.subscribe(MaybeLines, () => [], { failSilently: true });
    // @ts-expect-error -- a stream that breaks off has to fail
    queryHandler(TailLog, { failSilently: true });
    queries.subscribe(MaybeLines, () => [], { failSilently: false });
  });
});

Deno.test("Handler<TailLog> is what a handler class implements", () => {
  class TailLogHandler implements Handler<TailLog> {
    async *handle(_query: TailLog): AsyncGenerator<Line> {}
  }
  class NumberHandler implements Handler<TailLog> {
    // @ts-expect-error -- items of another type
    async *handle(_query: TailLog): AsyncGenerator<number> {}
  }
  compiled(() => [queryHandler(TailLog)(TailLogHandler), NumberHandler]);
});

Deno.test("ResultOf of a stream query is the source of its items", () => {
  holds<Equal<ResultOf<TailLog>, StreamSource<Line>>>();
});

Deno.test("A pipeline takes no stream query as a step", () => {
  class Pipeline {
    lines = 0;
  }
  compiled(() => {
    const pipeline = router.commandPipeline(class Start {}, Pipeline);
    pipeline.query(() => new FindName());
    // @ts-expect-error -- its items come from stream()
    pipeline.query(() => new TailLog());
  });
});

Deno.test("recordingBus() answers a stream query with a source of its items", () => {
  compiled(async () => {
    const recording = recordingBus(queries);
    recording.answer(TailLog, () => [{ level: "info", text: "" }]);
    recording.answer(TailLog, async function* () {
      yield { level: "info", text: "" };
    });
    // @ts-expect-error -- items of another type
    recording.answer(TailLog, () => [1]);
    const stream: ItemStream<Line> = recording.stream(new TailLog());
    const { outcome } = await recording.next(TailLog);
    if (outcome.status === "fulfilled") {
      const complete: boolean | undefined = outcome.value?.complete;
      void [stream, complete];
    }
    // @ts-expect-error -- other buses have no streams
    recordingBus(commands).stream(new TailLog());
  });
});
