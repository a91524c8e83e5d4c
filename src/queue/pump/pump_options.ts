import type { BackoffOptions } from "../../internal/backoff.ts";
import type { Delivery } from "../queue.ts";

/**
 * How a {@linkcode Pump} works.
 *
 * @typeParam T The messages.
 */
export interface PumpOptions<T = unknown> {
  /**
   * How many messages are handled at the same time. With `1` each message is handled before the next one is received.
   *
   * @default {1}
   */
  readonly concurrency?: number | undefined;
  /**
   * Whether the pump continues after a dispatch or a middleware of the pump has failed. The message is nacked in either
   * case. A failure of the queue itself always stops the pump.
   *
   * @default {false}
   */
  readonly failSilently?: boolean | undefined;
  /**
   * Receives each error of a dispatch or of a middleware of the pump, with the delivery, which the pump nacks. The pump then
   * continues. If this function fails itself, its error stops the pump.
   *
   * `willRetry` is false if the message is not delivered again, as far as the pump knows: the error is a
   * {@linkcode NonRetryableError}, the delivery is the last one or was acked before the error, or the queue is closed by
   * the stop of this pump.
   */
  readonly onError?:
    | ((error: unknown, delivery: Delivery<T>, outcome: { readonly willRetry: boolean }) => unknown)
    | undefined;
  /**
   * How long a message waits after a failure until it is delivered again. Without it the queue decides.
   *
   * @default {the queue decides}
   */
  readonly backoff?: Pick<BackoffOptions, "delay" | "factor" | "maxDelay" | "jitter"> | undefined;
}
