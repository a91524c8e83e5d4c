import { type Dispatcher, toDispatchFunction } from "./dispatcher.ts";
import type { ResultOf } from "./message.ts";

/**
 * Dispatches messages one after another. After a failure no further message is dispatched.
 *
 * @typeParam Messages The messages.
 * @param dispatcher A bus, a pipeline, or a function. To pass options on, use a function.
 * @param messages The messages.
 * @returns The results, typed element by element.
 * @throws The error of the dispatch that failed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, dispatchSequentially, MessageRouter } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
 * class NameUser extends Command<string> {}
 *
 * const commands = new MessageRouter().newCommandBus()
 *   .subscribe(CreateUser, () => 42)
 *   .subscribe(NameUser, () => "Ada");
 *
 * const [id, name] = await dispatchSequentially(commands, new CreateUser(), new NameUser());
 *
 * assertEquals([id + 1, name.length], [43, 3]);
 * ```
 */
export async function dispatchSequentially<const Messages extends readonly unknown[]>(
  dispatcher: Dispatcher<NoInfer<Messages[number]>>,
  ...messages: Messages
): Promise<{ -readonly [Index in keyof Messages]: ResultOf<Messages[Index]> }> {
  const dispatch = toDispatchFunction(dispatcher);
  const results: unknown[] = [];
  for (const message of messages) results.push(await dispatch(message));
  return results as { -readonly [Index in keyof Messages]: ResultOf<Messages[Index]> };
}
