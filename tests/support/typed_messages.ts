import { Command, Event, Query } from "@cq/core";

/** Whether two types are the same. Types that are assignable to each other may still differ. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles if the type is `true`. */
export function holds<T extends true>(this: T | void): void {}

/** A class with one method, for code that is never called. */
export function having<F>(_handle: F): new () => { handle: F } {
  throw new Error("The class exists for the compiler only");
}

/** Takes code that is compiled and never called. */
export function compiled(_code: () => unknown): void {}

export class CreateUser extends Command<number> {
  readonly name = "Ada";
}
export class CreateAdmin extends CreateUser {
  readonly rights = ["all"];
}
export class CountUsers extends Command<number> {
  readonly since = 0;
}
export class NameUser extends Command<string> {
  readonly id = 1;
}
export class Forget extends Command {}
export class ForgetAll extends Command<undefined> {}
export class Check extends Command<boolean> {}
export class Choose extends Command<"left" | "right"> {}
export class Try extends Command<number | undefined> {}
export class Save<T> extends Command<T> {
  readonly value: T;
  constructor(value: T) {
    super();
    this.value = value;
  }
}

export class FindName extends Query<string | undefined> {
  readonly id = 1;
}
export class FindCount extends Query<number> {}
export class FindAny<T> extends Query<readonly T[]> {
  readonly parse: (text: string) => T;
  constructor(parse: (text: string) => T) {
    super();
    this.parse = parse;
  }
}

export class Created extends Event {
  readonly id = 1;
}
export class Deleted extends Event {
  readonly at = 0;
}

export class Plain {
  readonly text = "plain";
}
export class User {
  readonly name = "Ada";
}
