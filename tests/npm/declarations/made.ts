// deno-lint-ignore-file explicit-module-boundary-types -- the compiler is to infer the types
/**
 * What a user's module may export: the compiler has to be able to write its declarations.
 *
 * @module
 */

import {
  Command,
  CommandBus,
  Container,
  ContextValues,
  Event,
  HandlerNotFoundError,
  InjectionToken,
  MemoryQueue,
  type MessageRouter,
  Query,
} from "@cq/core";

export function makeCommand<R>(name: string) {
  return class extends Command<R> {
    static readonly label = name;
  };
}

export function makeQuery<R>() {
  return class extends Query<R> {};
}

export function makeEvent() {
  return class extends Event {
    readonly at: number = 0;
  };
}

export class RenameUser extends makeCommand<number>("rename") {}

// deno-lint-ignore no-explicit-any -- the compiler demands it of a mixin
export function audited<T extends new (...args: any[]) => Command<unknown>>(type: T) {
  return class extends type {
    readonly by: string = "Ada";
  };
}

export const AuditedRename = audited(RenameUser);

export function makeToken<T>() {
  return class extends InjectionToken<T> {};
}

export const tokens = { url: new InjectionToken<string>("url"), commands: CommandBus };

export function makeContainer() {
  return class extends Container {};
}

export function makeValues() {
  return class extends ContextValues {};
}

export function makeQueue<T>() {
  return class extends MemoryQueue<T> {};
}

export function makeError() {
  return class extends HandlerNotFoundError {};
}

export function connect(router: MessageRouter) {
  const commands = router.newCommandBus();
  commands.subscribe(RenameUser, () => 1);
  return {
    commands,
    pipeline: router.commandPipeline(RenameUser),
    fork: router.fork(),
    decorator: router.queryHandler,
  };
}
