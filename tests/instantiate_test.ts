import { assertEquals, assertStrictEquals } from "@std/assert";
import { instantiate } from "../src/instantiate.ts";

class Base {
  greet(): string {
    return "Hello";
  }
}

class Plain extends Base {
  declare readonly id: number;
}

class WithSetter extends Base {
  set id(_value: number) {
    throw new Error("A setter has run");
  }
}

class Frozen extends Base {}
Object.freeze(Frozen.prototype);

class Tagged extends Base {
  get [Symbol.toStringTag](): string {
    return "Tagged";
  }
}

/** Data as JSON.parse returns it: `__proto__` is a property of its own. */
function data(): object {
  return JSON.parse('{"id":1,"constructor":2,"greet":3,"toString":4}');
}

for (const type of [Plain, WithSetter, Frozen, Tagged]) {
  Deno.test(`instantiate() makes own properties of data, for a class as ${type.name}`, () => {
    const instance = instantiate(type.prototype, data());

    assertStrictEquals(Object.getPrototypeOf(instance), type.prototype);
    assertEquals(Object.entries(instance), Object.entries(data()));
    assertEquals(Object.getOwnPropertyDescriptor(instance, "id"), {
      value: 1,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  });

  Deno.test(`instantiate() changes no prototype, for a class as ${type.name}`, () => {
    const instance = instantiate(type.prototype, JSON.parse('{"__proto__":{"polluted":true},"id":1}'));

    assertStrictEquals(Object.getPrototypeOf(instance), type.prototype);
    assertEquals(Object.keys(instance), ["__proto__", "id"]);
    assertEquals([Reflect.get(instance, "polluted"), Reflect.get({}, "polluted")], [undefined, undefined]);
  });
}

Deno.test("instantiate() calls no setter that is named __proto__, as that of Object.prototype on most runtimes", () => {
  class WithProto {
    set ["__proto__"](_value: unknown) {
      throw new Error("A setter has run");
    }
  }
  const instance = instantiate(WithProto.prototype, JSON.parse('{"__proto__":1}'));

  assertEquals(Object.entries(instance), [["__proto__", 1]]);
});

Deno.test("instantiate() takes along what is under a symbol, and nothing that is inherited or not enumerable", () => {
  const key = Symbol("key");
  const source = Object.create({ inherited: 1 }, {
    hidden: { value: 2 },
    [key]: { value: 3, enumerable: true },
    [Symbol.toStringTag]: { value: "Own", enumerable: true },
  });

  for (const type of [Plain, Tagged]) {
    assertEquals(Reflect.ownKeys(instantiate(type.prototype, source)), [key, Symbol.toStringTag]);
  }
});
