import type { HandlerContext } from "../../context.ts";
import type { ContextValues } from "../../context_values.ts";
import { nameOf } from "../../naming.ts";
import type { DeliveryHolder, DeliverySettler } from "../../queue/delivery_settler.ts";
import type { Outbox } from "../../queue/outbox.ts";
import type { Publication } from "../../related_events.ts";
import { InjectionToken, type Token } from "../../token.ts";

/**
 * The mark of a transaction, which `transaction` keeps in the values beside its token. The outermost dispatch makes it,
 * what is dispatched within finds it and joins.
 */
export class UnitOfWork implements DeliveryHolder {
  readonly #token: Token<unknown>;
  /** The mark of a transaction under another token, in which this one was begun. */
  readonly outer: UnitOfWork | undefined;
  /** What settles the delivery, where the transaction is of a pump. */
  settler: DeliverySettler | undefined;
  /** What has stored something in the transaction. */
  readonly outboxes: Set<Outbox<never>> = new Set();
  /** The events that are published after the commit. */
  readonly publications: Publication[] = [];
  #joined = 0;
  #wake: (() => void) | undefined;
  #doom: { readonly reason: unknown } | undefined;
  #isClosed = false;

  constructor(token: Token<unknown>, outer: UnitOfWork | undefined) {
    this.#token = token;
    this.outer = outer;
  }

  /** The mark of the transaction under a token, this one or one around it. */
  find(token: Token<unknown>): UnitOfWork | undefined {
    return this.#token === token ? this : this.outer?.find(token);
  }

  /** Lets a dispatch in, which has to leave. */
  join(): void {
    if (this.#isClosed) {
      throw final(
        new TypeError(
          `Cannot join the transaction under "${tokenName(this.#token)}": it has been committed or rolled back. ` +
            "Await in the handler what belongs to it, and dispatch the rest without its values",
        ),
      );
    }
    this.throwIfDoomed();
    this.#joined++;
  }

  leave(): void {
    if (--this.#joined === 0) this.#wake?.();
  }

  /** Makes a rollback the only end. The first reason counts. */
  doom(reason: unknown): void {
    this.#doom ??= { reason };
  }

  throwIfDoomed(): void {
    if (this.#doom !== undefined) throw this.#doom.reason;
  }

  /**
   * Waits until everything that has joined has left, and lets nothing in any more: a connection must not go back to its
   * pool while a handler still uses it.
   */
  async close(): Promise<void> {
    while (this.#joined > 0) await new Promise<void>((resolve) => this.#wake = resolve);
    this.#isClosed = true;
  }

  /** Whether a dispatch within must not be repeated: what it has written would be there twice, or cannot be committed. */
  forbidsRetry(kind: HandlerContext["kind"]): boolean {
    const forbids = this.#doom !== undefined || (!this.#isClosed && kind !== "query");
    return forbids || (this.outer?.forbidsRetry(kind) ?? false);
  }
}

/** Gives the mark of the innermost transaction. */
export const UNIT_OF_WORK: InjectionToken<UnitOfWork> = /* @__PURE__ */ new InjectionToken("UNIT_OF_WORK");

/** What was thrown after a commit, or by what came too late for one: the effect is there, or can never be. */
const FINAL_ERRORS = /* @__PURE__ */ new WeakSet<object>();

/**
 * Remembers that nothing must be handled again because of an error.
 *
 * @typeParam E The error.
 * @param error The error.
 * @returns The error.
 */
export function final<E>(error: E): E {
  if (typeof error === "object" && error !== null) FINAL_ERRORS.add(error);
  return error;
}

/**
 * Whether a transaction forbids to handle a message again: it has committed, or the message is a part of it.
 *
 * @param error What has failed.
 * @param context The context of the message.
 * @returns Whether it does.
 */
export function forbidsRetry(
  error: unknown,
  { kind, values }: { kind: HandlerContext["kind"]; values: ContextValues },
): boolean {
  return FINAL_ERRORS.has(error as object) || (values.get(UNIT_OF_WORK)?.forbidsRetry(kind) ?? false);
}

/**
 * The name of a token, for people to read.
 *
 * @param token The token.
 * @returns Its name.
 */
export function tokenName(token: Token<unknown>): string {
  return token instanceof InjectionToken ? token.name : nameOf(token);
}
