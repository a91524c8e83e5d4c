import type {
  Burial,
  DeadLetterStore,
  Outgoing,
  QueueDriver,
  QueueSink,
  QueueStats,
  ReceiveRequest,
  ReceiveResult,
  Retry,
} from "@cq/core/queue/durable";
import type { FakeQueueServer, FakeReceived } from "./fake_queue_server.ts";

/** What happens to a call on its way to the server and back. */
export type Fate = "done" | "refused" | "answer lost";

/** A failure that another attempt may heal. */
export class ConnectionError extends Error {
  override name = "ConnectionError";
}

/** A failure that only a person can heal. */
export class MissingTableError extends Error {
  override name = "MissingTableError";
}

/** What both fake drivers do alike. What a test wants to happen it says with `script`. */
abstract class FakeDriver implements QueueDriver<FakeReceived> {
  readonly hasKeys = true;
  readonly hasIds = true;
  readonly hasDelays = true;
  readonly server: FakeQueueServer;
  /** The calls so far: what was called, and for how many messages. */
  readonly calls: string[] = [];
  /** Decides what happens to a call. */
  script: (action: string) => Fate | Promise<Fate> = () => "done";
  isDisposed = false;
  protected sink: QueueSink<FakeReceived> | undefined;
  #isCut = false;

  constructor(server: FakeQueueServer) {
    this.server = server;
  }

  readonly dead: DeadLetterStore = {
    list: async function* (this: FakeDriver, { limit = Infinity }: { limit?: number | undefined }) {
      await this.call("list", 0, () => {});
      yield* this.server.dead.slice(0, limit);
    }.bind(this),
    replay: (selection) => this.call("replay", 0, () => this.server.replay(selection)),
    purge: (selection) => this.call("purge", 0, () => this.server.purge(selection)),
  };

  start(sink: QueueSink<FakeReceived>): void {
    this.sink = sink;
  }

  publish(messages: readonly Outgoing[]): Promise<void> {
    return this.call("publish", messages.length, () => this.server.publish(messages));
  }

  ack(messages: readonly FakeReceived[]): Promise<void> {
    return this.call("ack", messages.length, () => this.server.ack(messages));
  }

  retry(retries: readonly Retry<FakeReceived>[]): Promise<void> {
    return this.call("retry", retries.length, () => this.server.retry(retries));
  }

  giveBack(messages: readonly FakeReceived[]): Promise<void> {
    return this.call("giveBack", messages.length, () => this.server.giveBack(messages));
  }

  bury(burials: readonly Burial<FakeReceived>[]): Promise<void> {
    return this.call("bury", burials.length, () => this.server.bury(burials));
  }

  stats(): Promise<QueueStats> {
    return this.call("stats", 0, () => this.server.stats());
  }

  ping(): Promise<void> {
    return this.call("ping", 0, () => {});
  }

  explain(error: unknown): Error | undefined {
    if (!(error instanceof MissingTableError)) return undefined;
    return new Error("Cannot use the queue: it does not exist. Call setup()", { cause: error });
  }

  dispose(): void {
    this.isDisposed = true;
  }

  /** Cuts the process off, as a crash does: no call gets through any more. */
  cut(): void {
    this.#isCut = true;
  }

  protected async call<R>(action: string, count: number, work: () => R): Promise<R> {
    this.calls.push(`${action} ${count}`);
    const fate = await this.script(action);
    if (this.#isCut || this.server.isDown || fate === "refused") throw new ConnectionError(`${action} was refused`);
    const result = work();
    if (fate === "answer lost") throw new ConnectionError(`the answer to ${action} was lost`);
    return result;
  }
}

/** A driver that is asked for messages, and has leases, as those of databases. */
export class PulledDriver extends FakeDriver {
  receive({ limit, leaseMs }: ReceiveRequest): Promise<ReceiveResult<FakeReceived>> {
    return this.call("receive", limit, () => {
      const messages = this.server.claim(limit, { holder: this, leaseMs });
      return { messages, idleMs: this.server.nextDueMs() };
    });
  }

  renew(messages: readonly FakeReceived[], leaseMs: number): Promise<FakeReceived[]> {
    return this.call("renew", messages.length, () => this.server.renew(messages, leaseMs));
  }

  /** Has the server tell of new messages, as with LISTEN. */
  override start(sink: QueueSink<FakeReceived>): void {
    super.start(sink);
    this.server.listen(() => sink.wake());
  }
}

/** A driver to which the server pushes, and whose connection is its lease, as those of brokers. */
export class PushedDriver extends FakeDriver {
  #credit = 0;
  #isPushing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  override start(sink: QueueSink<FakeReceived>): void {
    super.start(sink);
    this.server.listen(() => this.#push());
  }

  demand(count: number): void {
    this.calls.push(`demand ${count}`);
    this.#credit = count;
    this.#push();
  }

  isDrained(): Promise<boolean> {
    return this.call("isDrained", 0, () => {
      this.#deliver();
      return this.server.stats().waiting === 0;
    });
  }

  /** Closes the channel: what it has delivered goes to others. */
  override dispose(): void {
    super.dispose();
    clearTimeout(this.#timer);
    this.server.release(this);
  }

  override cut(): void {
    super.cut();
    this.#credit = 0;
  }

  /** Breaks the connection: the server gives what it had delivered to others, and the driver connects again. */
  reconnect(): void {
    this.server.release(this);
    this.sink?.lost("all");
    this.#push();
  }

  async #push(): Promise<void> {
    if (this.#isPushing || this.isDisposed) return;
    this.#isPushing = true;
    await undefined;
    this.#isPushing = false;
    this.#deliver();
  }

  #deliver(): void {
    if (this.#credit === 0 || this.server.isDown || this.isDisposed) return;
    const messages = this.server.claim(this.#credit, { holder: this, leaseMs: 1e12 });
    this.#credit -= messages.length;
    if (messages.length > 0) this.sink!.deliver(messages);
    clearTimeout(this.#timer);
    const dueMs = this.server.nextDueMs();
    if (dueMs !== undefined) this.#timer = setTimeout(() => this.#push(), dueMs);
  }
}
