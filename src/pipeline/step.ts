import type { ResultOf } from "../message.ts";

/** What a step returns to end the run. */
export type Nothing = undefined | void;

/**
 * What a step may return to be dispatched: a message. A promise of another value is not a message.
 *
 * @typeParam M The messages that the dispatcher accepts.
 */
export type StepMessage<M> = M & object & { readonly then?: never };

/**
 * The messages among what a step returns.
 *
 * @typeParam Returned What the step returns, its promise resolved.
 */
export type MessageIn<Returned> = Exclude<Returned, Nothing>;

/**
 * What the next step receives: the result of the message that this step returns; `never` if this step always ends the
 * run.
 *
 * @typeParam Returned What this step returns, its promise resolved.
 */
export type ResultAfter<Returned> = ResultOf<MessageIn<Returned>>;

/**
 * Turns the last result into the next message, or ends the run by returning nothing. After a step that always ends the
 * run there is no result, and the compiler refuses a further step.
 *
 * @typeParam Result The last result.
 * @typeParam Context What the steps of a run share.
 * @typeParam Returned The next message, or nothing.
 */
export type StepFunction<Result, Context, Returned> = [Result] extends [never]
  ? "No step follows one that always ends the run"
  : (result: Result, context: Context) => Returned | PromiseLike<Returned>;
