import { inheritId } from "../../delivered_id.ts";
import { instantiate } from "../../instantiate.ts";
import { refuseUndefined } from "../../refuse_undefined.ts";
import { isPromiseLike, toPromise } from "../../internal/promise.ts";
import type { MessageType } from "../../message.ts";
import { classOf, isInstanceOf } from "../../message_class.ts";
import type { Middleware, Next } from "../../middleware.ts";
import { describe, nameOf } from "../../naming.ts";
import { MessageValidationError } from "./message_validation_error.ts";
import { isStandardSchema, type SchemaFor, type SchemaResult, type StandardSchema } from "../../standard_schema.ts";

/**
 * Makes a middleware that validates messages whose class has a static property `schema`. That is a Standard Schema,
 * such as one of zod, valibot or arktype. A derived class inherits the schema of its base. Messages of a class without
 * a schema pass.
 *
 * A message that does not fit rejects with a {@linkcode MessageValidationError}, and no handler is built for it.
 * Otherwise the handler gets the output of the schema, as an instance of the message's class. It has exactly the data of
 * that output: properties that the schema removes are gone, and so are properties of a derived class that the schema of
 * its base does not know. The constructor does not run. A class with `#private` fields needs a schema whose output is an
 * instance of the class; that is passed on as it is.
 *
 * A schema that validates synchronously adds no wait.
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
 * Makes a middleware that validates the messages of one class and of the classes derived from it, for classes that
 * should not know their schema. Otherwise it does the same as {@linkcode validate} without arguments.
 *
 * @typeParam M The message.
 * @param type The class of the messages. All other messages pass.
 * @param schema The schema. Its output has to fit the data of the message.
 * @returns The middleware.
 * @throws {TypeError} If the schema is not a Standard Schema.
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
 * // With a library this is one line.
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
  if (type === undefined && schema !== undefined) refuseUndefined("validate messages with a schema", "their class");
  if (type !== undefined && !isStandardSchema(schema)) {
    throw new TypeError(
      `Cannot validate "${nameOf(type)}" with ${describe(schema)}: it is not a Standard Schema. ` +
        "Pass a schema of a library that implements the interface, such as zod, valibot or arktype",
    );
  }

  return function validate(message, next) {
    const found = type === undefined ? schemaOf(message) : isInstanceOf(message, type) ? schema : undefined;
    if (found === undefined) return next();

    const result = found["~standard"].validate(message);
    return isPromiseLike(result)
      ? toPromise(result).then((settled) => nextValidated(message, settled, next))
      : nextValidated(message, result, next);
  };
}

function schemaOf(message: object): StandardSchema | undefined {
  // A pump may carry a value that has no class.
  const prototype: object = Object.getPrototypeOf(Object(message)) ?? Object.prototype;
  const type: MessageType & { readonly schema?: unknown } = classOf(prototype);
  const { schema } = type;
  if (schema === undefined) return undefined;
  if (isStandardSchema(schema)) return schema;
  throw new TypeError(
    `Cannot validate "${nameOf(type)}": its static property "schema" is ${
      describe(schema)
    }, which is not a Standard Schema. ` +
      "Rename the property, or give it a schema of a library that implements the interface",
  );
}

function nextValidated(message: object, result: SchemaResult, next: Next): Promise<unknown> {
  if (result.issues !== undefined) {
    throw new MessageValidationError(classOf(Object.getPrototypeOf(message)), result.issues);
  }
  // A compiler that is not strict does not tell the two results apart.
  const validated = instanceOf(message, (result as Extract<SchemaResult, { value: unknown }>).value);
  inheritId(message, validated);
  return next(validated);
}

/** Makes an instance of the message's class from the output of a schema. */
function instanceOf(message: object, output: unknown): object {
  const prototype: object = Object.getPrototypeOf(message);
  if (Object.getPrototypeOf(Object(output)) === prototype) return output as object;
  if (typeof output !== "object" || output === null) {
    const name = nameOf(classOf(prototype));
    throw new TypeError(
      `Cannot handle "${name}": the output of its schema is ${describe(output)}. ` +
        `It must be an object with the data of the message, or an instance of "${name}"`,
    );
  }
  return instantiate(prototype, output);
}
