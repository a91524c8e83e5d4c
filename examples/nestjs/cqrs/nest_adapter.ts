import { Scope } from "@nestjs/common";
import { type ContextId, ContextIdFactory, type ModuleRef } from "@nestjs/core";
import type { Constructor, DIAdapter, HandlerContext } from "@cq/core";

/**
 * Has Nest build the handlers, which are providers of its modules.
 *
 * A handler that is a singleton, and needs nothing else, is one for all messages, as everywhere in Nest. One that needs
 * something request-scoped is built for each message: its request is the context of the message.
 */
export class NestAdapter implements DIAdapter<ContextId | undefined> {
  readonly #modules: ModuleRef;
  readonly #scoped = new Set<unknown>();

  constructor(modules: ModuleRef) {
    this.#modules = modules;
  }

  wire<T extends object>(type: Constructor<T>): (id: ContextId | undefined) => T | Promise<T> {
    if (this.#modules.introspect(type).scope === Scope.DEFAULT) {
      const handler = toHandler<T>(this.#modules.get(type, { strict: false }));
      return () => handler;
    }
    this.#scoped.add(type);
    return async (id) => toHandler<T>(await this.#modules.resolve(type, id, { strict: false }));
  }

  lazy<T extends object>(type: Constructor<T>): () => T {
    return () => this.#modules.get(type, { strict: false });
  }

  createScope(context: HandlerContext): ContextId | undefined {
    if (!this.#scoped.has(context.handler)) return undefined;
    const id = ContextIdFactory.create();
    this.#modules.registerRequestByContextId(context, id);
    return id;
  }
}

/** In Nest, the handlers of commands and queries have a method `execute`. */
function toHandler<T extends object>(provider: object): T {
  if (!("execute" in provider) || typeof provider.execute !== "function") return provider as T;
  const execute = provider.execute.bind(provider);
  return { handle: execute } as unknown as T;
}
