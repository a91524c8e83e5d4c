import { classOf } from "../../message_class.ts";
import type { MessageType } from "../../message.ts";
import type { Middleware, Next } from "../../middleware.ts";
import { describe, nameOf } from "../../naming.ts";
import { isPromiseLike, toPromise } from "../../internal/promise.ts";
import { MessageValidationError } from "./message_validation_error.ts";
import { isStandardSchema, type SchemaFor, type SchemaResult, type StandardSchema } from "../../standard_schema.ts";

/**
 * Makes a middleware that validates the messages whose class has a static property `schema`, for which any Standard
 * Schema will do, such as those of zod, valibot and arktype. A class without one is let through, a derived class
 * inherits that of its base.
 *
 * A message that does not fit rejects with a {@linkcode MessageValidationError}, and no handler is built for it.
 * Otherwise the handler gets what the schema puts out, as an instance of the message's class: the data is exactly that
 * of the output, so what the schema removes is gone, and so are properties of a derived class which the schema of its
 * base does not know. The constructor does not run. A class with `#private` fields needs a schema that puts out an
 * instance of the class, which is passed on as it is.
 *
 * A schema that validates synchronously costs no wait.
 *
 * @returns The middleware.
 *
 * @example
 * ```ts ignore
 * import { z } from "zod";
 * import { Command, MessageRouter } from "@cq/core";
 * import { type SchemaFor, validate } from "@cq/core/middlewares";
 *
 * class CreateUser extends Command<number> {
 *   static readonly schema = z.object({ name: z.string().trim().min(1) }) satisfies SchemaFor<CreateUser>;
 *
 *   readonly name: string;
 *
 *   constructor(name: string) {
 *     super();
 *     this.name = name;
 *   }
 * }
 *
 * const commands = new MessageRouter().newCommandBus().use(validate());
 * ```
 */
export function validate(): Middleware;
/**
 * Makes a middleware that validates the messages of one class and of those derived from it, for classes that should not
 * know their schema. It is otherwise like {@linkcode validate} without arguments.
 *
 * @typeParam M The message.
 * @param type The class of message. Any other message is let through.
 * @param schema The schema. Its output has to fit the data of the message.
 * @returns The middleware.
 * @throws {TypeError} If the schema is no Standard Schema.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { Command, MessageRouter } from "@cq/core";
 * import { MessageValidationError, type StandardSchema, validate } from "@cq/core/middlewares";
 *
 * class CreateUser extends Command<string> {
 *   readonly name: string;
 *
 *   constructor(name: string) {
 *     super();
 *     this.name = name;
 *   }
 * }
 *
 * // A library makes this of one line.
 * const schema: StandardSchema<{ name: string }> = {
 *   "~standard": {
 *     version: 1,
 *     validate(value) {
 *       const name = (value as CreateUser).name.trim();
 *       return name === "" ? { issues: [{ path: ["name"], message: "It is empty" }] } : { value: { name } };
 *     },
 *   },
 * };
 *
 * const commands = new MessageRouter().newCommandBus()
 *   .use(validate(CreateUser, schema))
 *   .subscribe(CreateUser, ({ name }) => name);
 *
 * assertEquals(await commands.dispatch(new CreateUser(" Ada ")), "Ada");
 *
 * const error = await assertRejects(() => commands.dispatch(new CreateUser(" ")), MessageValidationError);
 * assertEquals(error.message, 'Cannot handle "CreateUser": name: It is empty');
 * assertEquals(error.issues, [{ path: ["name"], message: "It is empty" }]);
 * ```
 */
export function validate<M>(type: MessageType<M>, schema: NoInfer<SchemaFor<M>>): Middleware;
export function validate(type?: MessageType, schema?: StandardSchema): Middleware {
  if (type !== undefined && !isStandardSchema(schema)) {
    throw new TypeError(
      `Cannot validate "${nameOf(type)}" with ${describe(schema)}: it is no Standard Schema. ` +
        "Pass a schema of a library that implements the interface, such as zod, valibot or arktype",
    );
  }

  return function validate(message, next) {
    // A pump may carry what has no class.
    const prototype: object = Object.getPrototypeOf(Object(message)) ?? Object.prototype;
    const found = type === undefined ? schemaOf(prototype) : isOf(type, prototype) ? schema : undefined;
    if (found === undefined) return next();

    const result = found["~standard"].validate(message);
    return isPromiseLike(result)
      ? toPromise(result).then((settled) => passOn(message, settled, next))
      : passOn(message, result, next);
  };
}

function isOf(type: MessageType, prototype: object): boolean {
  const base: object = type.prototype;
  return prototype === base || Object.prototype.isPrototypeOf.call(base, prototype);
}

function schemaOf(prototype: object): StandardSchema | undefined {
  const type: MessageType & { readonly schema?: unknown } = classOf(prototype);
  const { schema } = type;
  if (schema === undefined || isStandardSchema(schema)) return schema;
  throw new TypeError(
    `Cannot validate "${nameOf(type)}": its static property "schema" is ${describe(schema)}, and no Standard Schema. ` +
      "Rename the property, or make it a schema of a library that implements the interface",
  );
}

function passOn(message: object, result: SchemaResult, next: Next): Promise<unknown> {
  if (result.issues !== undefined) {
    throw new MessageValidationError(classOf(Object.getPrototypeOf(message)), result.issues);
  }
  return next(instanceOf(message, result.value));
}

/** The output of a schema, as an instance of the message's class. */
function instanceOf(message: object, output: unknown): object {
  const prototype: object = Object.getPrototypeOf(message);
  if (Object.getPrototypeOf(Object(output)) === prototype) return output as object;
  if (typeof output !== "object" || output === null) {
    const name = nameOf(classOf(prototype));
    throw new TypeError(
      `Cannot handle "${name}": its schema puts out ${describe(output)}. ` +
        `Have it put out an object with the data of the message, or a "${name}"`,
    );
  }
  return Object.create(prototype, Object.getOwnPropertyDescriptors(output));
}
