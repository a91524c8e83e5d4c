import { NewerVersionError, parseBody, UndecodableMessageError } from "../codec.ts";
import type { Envelope } from "../envelope.ts";
import { instantiate } from "../instantiate.ts";
import { describePath } from "../internal/path.ts";
import { ignore, isPromiseLike } from "../internal/promise.ts";
import { writeJson, type WriteJsonOptions } from "../json_loss.ts";
import type { MessageType } from "../message.ts";
import { describe, nameOf } from "../naming.ts";
import { isStandardSchema, type SchemaIssue, type SchemaResult, type StandardSchema } from "../standard_schema.ts";

/** What a catalogue says of a message. */
export interface CatalogueMessage {
  /** The stable name. */
  readonly name: string;
  /** The class. */
  readonly type: MessageType;
  /** The current version, from 1. */
  readonly version: number;
  /** What decides which bodies are accepted. */
  readonly schema: StandardSchema | "unchecked";
}

/** The options of a message, whatever its types are. */
export interface EntryOptions {
  readonly schema: StandardSchema | "unchecked";
  readonly versions?: readonly ((data: never) => unknown)[] | undefined;
  readonly key?: ((message: never) => string | undefined) | undefined;
  readonly encode?: ((message: never) => unknown) | undefined;
  readonly decode?: ((data: never) => unknown) | undefined;
}

/** How many of the places that a schema refuses an error names. */
const MAX_PLACES = 5;

/** One message of a catalogue: writes and reads the bodies of its envelopes. */
export class CatalogueEntry implements CatalogueMessage {
  readonly name: string;
  readonly type: MessageType;
  readonly version: number;
  readonly schema: StandardSchema | "unchecked";
  readonly #prototype: object;
  readonly #versions: readonly Transform[];
  readonly #key: Transform | undefined;
  readonly #encode: Transform | undefined;
  readonly #decode: Transform | undefined;
  readonly #writing: WriteJsonOptions;

  constructor(name: string, type: MessageType, options: EntryOptions) {
    const { schema, versions = [], key, encode, decode } = options;
    this.name = name;
    this.type = type;
    this.version = versions.length + 1;
    this.schema = schema;
    this.#prototype = type.prototype;
    this.#versions = versions as readonly Transform[];
    this.#key = key as Transform | undefined;
    this.#encode = encode as Transform | undefined;
    this.#decode = decode as Transform | undefined;
    this.#writing = {
      name: `"${name}"`,
      // A schema rebuilds what is nested. Without one it would come back without its class.
      allowed: encode !== undefined ? "none" : schema === "unchecked" ? "root" : "all",
      advice: "Give the message an encode that returns plain data",
    };
  }

  /** The key of a message whose sender gives none. */
  keyOf(message: object): string | undefined {
    const key = this.#key?.(message);
    if (key === undefined) return undefined;
    if (typeof key === "string") return key;
    throw new TypeError(`Cannot encode "${this.name}": its key must be a string, and is ${describe(key)}`);
  }

  /** Writes the body of a message. */
  write(message: object): string {
    return writeJson(this.#encode === undefined ? message : this.#encode(message), this.#writing);
  }

  /** Reads the message of an envelope of this name. */
  read(envelope: Envelope): object {
    const { version } = envelope;
    if (version > this.version) throw new NewerVersionError(envelope, this.version);
    let data = parseBody(envelope);
    for (let older = version; older < this.version; older++) {
      try {
        data = this.#versions[older - 1]!(data);
      } catch (cause) {
        throw new UndecodableMessageError(envelope, `its upgrade from version ${older} fails`, {
          cause,
        });
      }
    }
    if (this.schema !== "unchecked") data = validate(data, this.schema, envelope);
    return this.#decode === undefined ? this.#instance(data, envelope) : this.#decoded(data, envelope);
  }

  #instance(data: unknown, envelope: Envelope): object {
    if (typeof data !== "object" || data === null || Array.isArray(data)) {
      throw new UndecodableMessageError(envelope, "its data must be an object");
    }
    return Object.getPrototypeOf(data) === this.#prototype ? data : instantiate(this.#prototype, data);
  }

  #decoded(data: unknown, envelope: Envelope): object {
    let message: unknown;
    try {
      message = this.#decode!(data);
    } catch (cause) {
      throw new UndecodableMessageError(envelope, "its decode fails", { cause });
    }
    if (typeof message !== "object" || message === null || Object.getPrototypeOf(message) !== this.#prototype) {
      throw new UndecodableMessageError(envelope, `its decode must return an instance of "${nameOf(this.type)}"`);
    }
    return message;
  }
}

/** What the functions of the options are, whatever their types. */
type Transform = (value: unknown) => unknown;

/** What a schema makes of data. */
function validate(data: unknown, schema: StandardSchema, envelope: Envelope): unknown {
  let result: SchemaResult | PromiseLike<SchemaResult>;
  try {
    result = schema["~standard"].validate(data);
  } catch (cause) {
    throw new UndecodableMessageError(envelope, "its schema fails", { cause });
  }
  if (isPromiseLike(result)) {
    result.then(undefined, ignore);
    // zod answers so in both cases.
    throw new UndecodableMessageError(
      envelope,
      "its schema is asynchronous, which is for validate() on a bus, or has thrown",
    );
  }
  const { issues } = result;
  // A compiler that is not strict does not tell the two results apart.
  if (issues === undefined) return (result as { readonly value: unknown }).value;
  throw new UndecodableMessageError(envelope, `its schema refuses ${placesOf(issues)}`, { issues });
}

/** Where the data is wrong. What is wrong would quote it. */
function placesOf(issues: readonly SchemaIssue[]): string {
  const places = [...new Set(Array.from(issues, ({ path = [] }) => describePath(path) || "it as a whole"))];
  return places.slice(0, MAX_PLACES).join(", ") + (places.length > MAX_PLACES ? ", …" : "");
}

/**
 * Makes sure of what the compiler demands of the options of a message, for those who have no compiler.
 *
 * @param place How the error begins.
 * @param options The options.
 * @throws {TypeError} If one of them is not what it should be.
 */
export function checkOptions(place: string, options: EntryOptions): void {
  const { schema, versions = [], key, encode, decode } = options;
  if (schema !== "unchecked" && !isStandardSchema(schema)) {
    throw new TypeError(
      `${place}: its schema must be a Standard Schema or the word "unchecked", and is ${describe(schema)}`,
    );
  }
  if ([key, encode, decode, ...versions].some((value) => value !== undefined && typeof value !== "function")) {
    throw new TypeError(`${place}: its versions, its key, its encode and its decode must be functions`);
  }
}
