import { checkEnvelope, type EncodeOptions, UnknownMessageError } from "../codec.ts";
import { type Envelope, metadataFrom, stamp, STANDARD_HEADERS } from "../envelope.ts";
import { isInstanceOf } from "../message_class.ts";
import type { MessageType } from "../message.ts";
import type { Metadata } from "../metadata.ts";
import { describe, nameOf } from "../naming.ts";
import { CatalogueEntry, type CatalogueMessage, checkOptions, type EntryOptions } from "./catalogue_entry.ts";
import { headersFrom, namesOf } from "./headers.ts";
import type { Decoding, Encoding, MessageOptions } from "./message_options.ts";

/** What goes along with all messages of a catalogue. */
export interface CatalogueOptions {
  /**
   * The keys of the metadata that leave the process, beside the ids of correlation and of tracing: letters and digits.
   * Their values are strings. Nothing secret belongs there, headers are seen on the way.
   *
   * @default {[]}
   */
  readonly headers?: readonly string[] | undefined;
}

/** The instances of the classes of a list. */
export type InstancesOf<Types extends readonly MessageType[]> = Types[number] extends MessageType<infer M> ? M : never;

/**
 * Knows the messages that leave the process: for each class a stable name, a schema, and how to read old versions of it.
 * It is the codec of durable queues and of HTTP.
 *
 * A catalogue does not change: {@linkcode MessageCatalogue.add} returns another one. Make one for each module of an
 * application and join them with {@linkcode MessageCatalogue.include}; a compiler takes a few hundred messages in one
 * expression.
 *
 * A message that comes back is an instance of its class, and equal to the one that was sent but for properties that are
 * `undefined`.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 * import { Event } from "@cq/core";
 * import { MessageCatalogue } from "@cq/core/wire";
 *
 * class OrderPlaced extends Event {
 *   readonly id: number;
 *   readonly items: readonly string[];
 *
 *   constructor(id: number, items: readonly string[]) {
 *     super();
 *     this.id = id;
 *     this.items = items;
 *   }
 * }
 *
 * const catalogue: MessageCatalogue<OrderPlaced> = new MessageCatalogue({ headers: ["tenantId"] })
 *   .add("shop.order-placed", OrderPlaced, {
 *     // A schema of zod, valibot or arktype, which would also decide what is accepted.
 *     schema: "unchecked",
 *     // Version 1 had a single item.
 *     versions: [({ id, item }: { id: number; item: string }) => ({ id, items: [item] })],
 *     key: (order) => String(order.id),
 *   });
 *
 * const envelope = catalogue.encode(new OrderPlaced(7, ["tea"]), { metadata: { tenantId: "t1" } });
 *
 * assertEquals([envelope.name, envelope.version, envelope.key], ["shop.order-placed", 2, "7"]);
 * assertEquals([envelope.headers, envelope.body], [{ tenantid: "t1" }, '{"id":7,"items":["tea"]}']);
 * assertEquals(catalogue.decode(envelope), new OrderPlaced(7, ["tea"]));
 *
 * const old = catalogue.decode({ ...envelope, version: 1, body: '{"id":6,"item":"milk"}' });
 * assertInstanceOf(old, OrderPlaced);
 * assertEquals(old.items, ["milk"]);
 * ```
 */
export class MessageCatalogue<in out T = never> {
  /** The keys of the metadata that travel, by the names of their headers. */
  #headers: ReadonlyMap<string, string>;
  #byName: ReadonlyMap<string, CatalogueEntry> = new Map();
  /** By the prototype of the class, which is its identity. */
  #byPrototype: ReadonlyMap<object, CatalogueEntry> = new Map();

  /**
   * Makes an empty catalogue.
   *
   * @param options What goes along with all messages.
   * @throws {TypeError} If a header cannot be one, or if two keys have the same header.
   */
  constructor(options: CatalogueOptions = {}) {
    this.#headers = namesOf(options.headers ?? []);
  }

  /** What the catalogue says of its messages, in the order in which they were added. */
  get messages(): readonly CatalogueMessage[] {
    return [...this.#byName.values()];
  }

  /**
   * Makes a catalogue with one more message.
   *
   * The compiler demands an `encode` where the schema does not take what JSON makes of the message, and a `decode` where
   * the schema does not put out its data. A getter looks like a property to the compiler, so its class needs a `decode`.
   * Write optional properties `name?: string | undefined`. A generic class needs its argument, `Page<string>`.
   *
   * @typeParam M The message.
   * @typeParam In What the schema takes, `"unchecked"` where there is none.
   * @typeParam Out What the schema puts out, `"unchecked"` where there is none.
   * @typeParam V1 The data of version 1, where there are later ones; `V2` and so on are those of the next versions.
   * @param name The stable name, by which other processes, and later versions of this one, know the message.
   * @param type The class of the message. A class that is derived from it is another message.
   * @param options Its schema, its versions and its key.
   * @returns The new catalogue.
   * @throws {TypeError} If the name or the class is in the catalogue already, or if an option is not what it should be.
   */
  add<
    M extends object,
    In = "unchecked",
    Out = "unchecked",
    V1 = never,
    V2 = never,
    V3 = never,
    V4 = never,
    V5 = never,
    V6 = never,
    V7 = never,
    V8 = never,
  >(
    name: string,
    type: MessageType<M>,
    options:
      & MessageOptions<M, In, Out, V1, V2, V3, V4, V5, V6, V7, V8>
      & Encoding<M, NoInfer<In>>
      & Decoding<M, NoInfer<Out>>,
  ): MessageCatalogue<T | M> {
    const place = `Cannot add "${nameOf(type)}" as ${describe(name)}`;
    if (typeof name !== "string" || name === "") {
      throw new TypeError(`${place}: a name must be a string that is not empty`);
    }
    if (typeof type !== "function" || typeof type.prototype !== "object") {
      throw new TypeError(`${place}: the message must be a class`);
    }
    checkOptions(place, options as EntryOptions);
    return this.#with([new CatalogueEntry(name, type, options as EntryOptions)]);
  }

  /**
   * Makes a catalogue of this one and another one. What both have from the same catalogue is there once. The headers are
   * those of both.
   *
   * @typeParam U The messages of the other catalogue.
   * @param other The other catalogue.
   * @returns The new catalogue.
   * @throws {TypeError} If both have a name, or a class, that means something else in the other one.
   */
  include<U>(other: MessageCatalogue<U>): MessageCatalogue<T | U> {
    const headers = new Set([...this.#headers.values(), ...other.#headers.values()]);
    for (const key of STANDARD_HEADERS.values()) headers.delete(key);
    return this.#with(other.#byName.values(), namesOf([...headers]));
  }

  /**
   * Makes a catalogue of a part of this one, as the codec of a queue that takes no other messages, or for what others may
   * reach over HTTP.
   *
   * @typeParam Types The classes of the messages.
   * @param types The classes of the messages.
   * @returns The new catalogue.
   * @throws {TypeError} If a class is not in the catalogue.
   */
  only<Types extends readonly MessageType<T>[]>(...types: Types): MessageCatalogue<InstancesOf<Types>> {
    const entries = types.map((type) => {
      const entry = this.#byPrototype.get(type.prototype);
      if (entry !== undefined) return entry;
      throw new TypeError(`Cannot pick "${nameOf(type)}": it is not in the catalogue. Add it first`);
    });
    return new MessageCatalogue<never>().#with(entries, this.#headers) as MessageCatalogue<InstancesOf<Types>>;
  }

  /**
   * The stable name of a message, or of a class of messages, such as the `messageType` of an error.
   *
   * @param message Any value.
   * @returns The name; `undefined` where the catalogue does not have the class.
   */
  nameOf(message: unknown): string | undefined {
    return (typeof message === "function" ? this.#byPrototype.get(message.prototype) : this.#entryOf(message))?.name;
  }

  /**
   * Makes an envelope of a message. The message that is being handled, as the metadata says, is the cause of this one.
   *
   * @param message The message.
   * @param options Its metadata, its key and its id.
   * @returns The envelope.
   * @throws {TypeError} If the class is not in the catalogue, if JSON would lose something of the message, or if what
   * should be a header is not a string.
   */
  encode(message: T, options: EncodeOptions = {}): Envelope {
    const entry = this.#entryOf(message);
    if (entry === undefined) throw new TypeError(this.#explainUnknown(message));
    const { metadata, id, key = entry.keyOf(message as object) } = options;
    const { id: newId, time } = stamp(id);
    const headers = metadata === undefined ? {} : headersFrom(metadata, this.#headers, entry.name);
    const body = entry.write(message as object);
    const { name, version } = entry;
    return key === undefined
      ? { id: newId, name, version, time, headers, body }
      : { id: newId, name, version, time, key, headers, body };
  }

  /**
   * Makes a message of an envelope: parses the body, brings it to the current version, validates it, and builds an
   * instance of the class, without its constructor unless the message has a `decode`.
   *
   * @param envelope The envelope.
   * @returns The message.
   * @throws {UndecodableMessageError} If the body can never be read.
   * @throws {UnknownMessageError} If the catalogue does not have the name.
   * @throws {NewerVersionError} If the version is newer than the current one.
   */
  decode(envelope: Envelope): T {
    checkEnvelope(envelope);
    const entry = this.#byName.get(envelope.name);
    if (entry === undefined) throw new UnknownMessageError(envelope);
    return entry.read(envelope) as T;
  }

  /**
   * Reads the metadata of a message from the headers of its envelope.
   *
   * @param envelope The envelope.
   * @returns The metadata. Its `messageId` is the id of the envelope.
   * @throws {UndecodableMessageError} If the envelope has not the shape of one.
   */
  metadataOf(envelope: Envelope): Metadata {
    checkEnvelope(envelope);
    return metadataFrom(envelope, this.#headers);
  }

  #entryOf(message: unknown): CatalogueEntry | undefined {
    if (typeof message !== "object" || message === null) return undefined;
    return this.#byPrototype.get(Object.getPrototypeOf(message));
  }

  #explainUnknown(message: unknown): string {
    const base = this.messages.find(({ type }) => isInstanceOf(message, type));
    const hint = base === undefined ? "" : `, only its base "${nameOf(base.type)}" is`;
    return `Cannot encode ${describe(message)}: its class is not in the catalogue${hint}. Add it with add()`;
  }

  #with<U>(entries: Iterable<CatalogueEntry>, headers = this.#headers): MessageCatalogue<T | U> {
    const byName = new Map(this.#byName);
    const byPrototype = new Map(this.#byPrototype);
    for (const entry of entries) {
      const { name, type } = entry;
      const found = byName.get(name) ?? byPrototype.get(type.prototype);
      if (found === entry) continue;
      if (found !== undefined) {
        throw new TypeError(
          `Cannot add "${nameOf(type)}" as "${name}": "${nameOf(found.type)}" is there already, as "${found.name}"`,
        );
      }
      byName.set(name, entry);
      byPrototype.set(type.prototype, entry);
    }
    const catalogue = new MessageCatalogue<T | U>();
    catalogue.#headers = headers;
    catalogue.#byName = byName;
    catalogue.#byPrototype = byPrototype;
    return catalogue;
  }
}
