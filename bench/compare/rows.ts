import type { RuntimeName } from "./prepare.ts";

/** The highest ratio that is accepted, by runtime. */
export type Goal = Readonly<Record<RuntimeName, number>>;

/** A comparison: the cost of a variant, as a multiple of the cost of another variant in the same process. */
export interface Row {
  /** The file of the case that measures it, and its arguments. */
  readonly file: string;
  readonly args?: readonly string[];
  readonly work: string;
  /** The two variants: the one that is compared, by default `"cq"`, and the one that it is compared with. */
  readonly of?: string;
  readonly to: string;
  /** Absent if the row is for information only. */
  readonly goal?: Goal;
  /** What is measured, if that is far from the goal. A check compares with it instead of the goal. */
  readonly reached?: Partial<Goal>;
}

/** The same goal on every runtime with V8. Deno may have its own. */
function goal(v8: number, bun: number, deno: number = v8): Goal {
  return { "node-24": v8, "node-20": v8, deno, bun };
}

/** What is done with a message of ten fields, and the goal for it. */
const WIRE_WORK: readonly (readonly [work: string, text: string, limit?: number])[] = [
  ["encode", "encode a message"],
  ["decode", "decode a message", 1.6],
  ["both", "encode and decode a message", 2.2],
];

/** All comparisons, grouped by case. */
export const ROWS: readonly Row[] = [
  { file: "query.js", work: "query", to: "direct", goal: goal(1.35, 2, 1.5), reached: { deno: 2.3 } },

  {
    file: "command.js",
    work: "command",
    to: "direct",
    goal: goal(1.8, 2.4, 2.8),
    reached: { "node-24": 2.35, "node-20": 2.65, deno: 6.1, bun: 4 },
  },
  {
    file: "command_peers.js",
    work: "command",
    to: "nest",
    goal: goal(0.6, 0.75),
    reached: { "node-24": 0.68, "node-20": 0.75, deno: 0.7, bun: 1.3 },
  },
  {
    file: "command_peers.js",
    work: "command",
    to: "nest, request-scoped",
    goal: goal(0.03, 0.03),
  },
  {
    file: "command_peers.js",
    work: "command",
    to: "mediatr-ts",
    goal: goal(0.12, 0.08),
  },

  {
    file: "ten_types.js",
    work: "10 types of query in turn",
    to: "direct",
    goal: goal(1.7, 2),
    reached: { "node-24": 1.9, "node-20": 1.9, deno: 2.3 },
  },

  {
    file: "in_flight.js",
    work: "64 commands in flight",
    to: "nest",
    goal: goal(0.45, 0.5),
    reached: { "node-24": 0.76, "node-20": 0.82, deno: 0.77, bun: 1.35 },
  },

  {
    file: "classic_middlewares.js",
    work: "3 classic middlewares",
    to: "hand-nested",
    goal: goal(1.35, 1.35),
  },
  {
    file: "chain.js",
    work: "the chain alone",
    to: "koa-compose",
    goal: goal(0.9, 0.9),
  },
  {
    file: "chain.js",
    work: "the chain alone",
    to: "hono's compose",
    goal: goal(0.45, 0.45),
    reached: { bun: 0.54 },
  },
  {
    file: "async_generators.js",
    work: "3 async generators",
    to: "hand-nested",
    goal: goal(3.8, 4),
    reached: { "node-24": 4.5, "node-20": 4.8 },
  },
  {
    file: "sync_generators.js",
    work: "3 sync generators",
    to: "hand-nested",
    goal: goal(1.4, 1.4),
  },

  {
    file: "event_1.js",
    work: "event, 1 handler",
    to: "Promise.all",
    goal: goal(0.6, 0.85),
  },
  {
    file: "event_3.js",
    work: "event, 3 handlers",
    to: "Promise.all",
    goal: goal(1.25, 1.6),
  },
  {
    file: "event_3_peers.js",
    work: "event, 3 handlers",
    to: "emittery",
    goal: goal(0.3, 0.65),
  },
  {
    file: "event_3_peers.js",
    work: "event, 3 handlers",
    to: "mediatr-ts",
    goal: goal(0.25, 0.25),
  },
  { file: "event_3_peers.js", work: "event, 3 handlers", to: "nest, not awaited" },
  {
    file: "event_3_peers.js",
    work: "event, 3 handlers",
    to: "EventEmitter3, not awaited",
  },
  {
    file: "event_10.js",
    work: "event, 10 handlers",
    to: "Promise.all",
    goal: goal(1.4, 1.6),
    reached: { "node-24": 1.85, "node-20": 2.1, deno: 1.85, bun: 2.4 },
  },
  { file: "event_10.js", work: "event, 10 handlers", to: "Promise.all over a list", goal: goal(1.4, 1.6) },

  {
    file: "related_event.js",
    work: "command, 1 related event",
    to: "by hand",
    goal: goal(1.35, 1.35),
    reached: { bun: 1.6 },
  },
  {
    file: "rejection.js",
    work: "rejecting query",
    to: "direct",
    goal: goal(1.35, 1.35),
  },

  {
    file: "end_to_end.js",
    work: "end to end",
    to: "by hand",
    goal: goal(1.25, 1.6),
  },
  {
    file: "end_to_end_peers.js",
    work: "end to end",
    to: "nest",
    goal: goal(0.35, 0.35),
    reached: { "node-24": 0.47, "node-20": 0.5, deno: 0.45, bun: 0.55 },
  },
  {
    file: "end_to_end_peers.js",
    work: "end to end",
    to: "mediatr-ts",
    goal: goal(0.35, 0.35),
  },

  {
    file: "container.js",
    work: "handler of 3 dependencies",
    to: "inversify",
    goal: goal(0.8, 1),
  },
  {
    file: "container.js",
    work: "handler of 3 dependencies",
    to: "awilix, classic",
    goal: goal(1, 1),
  },
  {
    file: "container.js",
    work: "handler of 3 dependencies",
    to: "awilix, proxy",
    goal: goal(1, 1),
  },
  {
    file: "container.js",
    work: "handler of 3 dependencies",
    to: "needle-di",
    goal: goal(1, 1),
  },
  {
    file: "container.js",
    work: "handler of 3 dependencies",
    to: "tsyringe",
    goal: goal(1, 1),
  },

  { file: "stream.js", work: "item of a stream", to: "async generator", goal: goal(3.5, 5, 5) },
  {
    file: "stream.js",
    work: "item behind 3 middlewares",
    of: "3 middlewares",
    to: "cq",
    goal: goal(1.1, 1.1),
  },

  ...["1", "4"].flatMap((consumers): Row[] => {
    const work = `queue and pump, ${consumers} consumer${consumers === "1" ? "" : "s"}`;
    const shared = { file: "queue.js", args: [consumers], work };
    return [
      { ...shared, to: "fastq.promise", goal: goal(0.3, 0.3), reached: { bun: 0.6 } },
      { ...shared, to: "p-queue", goal: goal(0.1, 0.1) },
      { ...shared, to: "array", goal: goal(2.5, 2.5, 3.5), reached: { "node-20": 3.8, bun: 3.8 } },
    ];
  }),
  {
    file: "waiting_consumer.js",
    work: "message to a waiting consumer",
    to: "fastq.promise",
    goal: goal(1, 1),
    reached: { "node-20": 1.23 },
  },

  ...["zod", "valibot", "arktype"].flatMap((library) =>
    WIRE_WORK.map(([work, text, limit]): Row => {
      const goals = library === "zod" && limit !== undefined ? { goal: goal(limit, limit) } : {};
      return { file: "wire.js", args: [library, work], work: `${text}, ${library}`, to: "by hand", ...goals };
    })
  ),

  ...["1,000 types", "100,000 types"].map((of): Row => {
    return {
      file: "growth_types.js",
      work: `10 hot types of ${of}`,
      of,
      to: "10 types",
      goal: goal(1.25, 1.25),
    };
  }),
  ...["5 deep", "20 deep"].map((of): Row => {
    return {
      file: "growth_depth.js",
      work: `class chain ${of}`,
      of,
      to: "1 deep",
      goal: goal(1.25, 1.25),
    };
  }),
];
