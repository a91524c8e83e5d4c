/**
 * The buses of `@cq/core` in a Nest application: the module, the decorators and the adapter. Copy this file: it is one,
 * because projects differ in how they write the path of another file.
 *
 * @module
 */

import "reflect-metadata";
import {
  type Abstract,
  type DynamicModule,
  Global,
  Inject,
  Injectable,
  type InjectableOptions,
  Module,
  type OnModuleInit,
  Scope,
} from "@nestjs/common";
import { type ContextId, ContextIdFactory, DiscoveryModule, DiscoveryService, ModuleRef, REQUEST } from "@nestjs/core";
import {
  type AnyMiddleware,
  CommandBus,
  type Constructor,
  type DIAdapter,
  EventBus,
  type HandlerClass,
  type HandlerClassFor,
  type HandlerContext,
  type HandlerFunction,
  type HandlerFunctionFor,
  type HandlerOptions,
  type HandlerResult,
  InjectionToken,
  type MessageKind,
  MessageRouter,
  type MessagesByKind,
  type MessageType,
  type OneOrMore,
  QueryBus,
  RelatedEvents,
  type Token,
} from "@cq/core";

/** What Nest knows of a provider. */
type Provider = ReturnType<DiscoveryService["getProviders"]>[number];

/**
 * Has Nest build the handlers, which are providers of its modules.
 *
 * A handler that is a singleton, and needs nothing else, is one for all messages, as everywhere in Nest. One that needs
 * something request-scoped is built for each message: its request is the context of the message.
 */
export class NestAdapter implements DIAdapter<ContextId | undefined> {
  readonly #modules: ModuleRef;
  readonly #providers = new Map<unknown, Provider>();
  readonly #scoped = new Set<unknown>();

  constructor(modules: ModuleRef) {
    this.#modules = modules;
  }

  /** Says which provider a handler class comes from. Otherwise it is the one whose token is the class. */
  provide(type: HandlerClass, provider: Provider): void {
    this.#providers.set(type, provider);
  }

  wire<T extends object>(type: Constructor<T>): (id: ContextId | undefined) => T | Promise<T> {
    const provider = this.#providers.get(type);
    const isSingleton = provider === undefined
      ? this.#modules.introspect(type).scope === Scope.DEFAULT
      : provider.isDependencyTreeStatic() && !provider.isTransient;
    if (isSingleton) {
      const handler = toHandler<T>(provider?.instance ?? this.#modules.get(type, { strict: false }));
      return () => handler;
    }
    this.#scoped.add(type);
    // The module of the provider, since another one may have another provider under the same token.
    const modules: ModuleRef | undefined = provider?.host?.getProviderByKey<ModuleRef>(ModuleRef)?.instance;
    const resolve = modules === undefined
      ? (id?: ContextId) => this.#modules.resolve<object>(type, id, { strict: false })
      : (id?: ContextId) => modules.resolve<object>(provider!.token as Constructor, id);
    return async (id) => toHandler<T>(await resolve(id));
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

/** In Nest, the handlers of commands and queries have a method `execute`; it may be replaced at any time, by a spy. */
function toHandler<T extends object>(
  provider: Partial<Record<"execute" | "handle", HandlerFunction<unknown, unknown>>>,
): T {
  if (typeof provider.execute !== "function") return provider as T;
  const handle: HandlerFunction<unknown, unknown> = (message, context) =>
    context.kind === "event" ? provider.handle!(message, context) : provider.execute!(message, context);
  return { handle } as unknown as T;
}

/** What runs around the handlers of each bus, and what of their messages can be injected. */
export interface CqrsModuleOptions {
  readonly commands?: readonly AnyMiddleware[];
  readonly queries?: readonly AnyMiddleware[];
  readonly events?: readonly AnyMiddleware[];
  /** The tokens of the values that a dispatch may carry: a class is injected as such, any other token by its name. */
  readonly values?: readonly Token<unknown>[];
}

/** Gives an application its three buses, and finds the handlers among its providers. */
@Global()
@Module({})
export class CqrsModule implements OnModuleInit {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MessageRouter) private readonly router: MessageRouter,
    @Inject(NestAdapter) private readonly adapter: NestAdapter,
  ) {}

  static forRoot({ commands = [], queries = [], events = [], values = [] }: CqrsModuleOptions = {}): DynamicModule {
    const fromRouter = <T>(provide: unknown, useFactory: (router: MessageRouter) => T) => ({
      provide: provide as symbol,
      inject: [MessageRouter],
      useFactory,
    });
    const fromContext = (provide: unknown, useFactory: (context: HandlerContext) => unknown) => ({
      provide: provide as symbol,
      scope: Scope.REQUEST,
      inject: [REQUEST],
      useFactory,
    });
    const valueProviders = values.map((token) => fromContext(toNestToken(token), valueOf(token)));
    return {
      module: CqrsModule,
      imports: [DiscoveryModule],
      providers: [
        { provide: NestAdapter, inject: [ModuleRef], useFactory: (modules: ModuleRef) => new NestAdapter(modules) },
        {
          provide: MessageRouter,
          inject: [NestAdapter],
          useFactory: (adapter: NestAdapter) => new MessageRouter(adapter),
        },
        fromRouter(CommandBus, (router) => router.newCommandBus().use(...commands)),
        fromRouter(QueryBus, (router) => router.newQueryBus().use(...queries)),
        fromRouter(EventBus, (router) => router.newEventBus().use(...events)),
        fromContext(RelatedEvents, relatedEventsOf),
        ...valueProviders,
      ],
      exports: [MessageRouter, CommandBus, QueryBus, EventBus, RelatedEvents, ...values.map(toNestToken)],
    };
  }

  /** Registers each handler class once, however many modules provide it. */
  onModuleInit(): void {
    const registered = new Set<HandlerClass>();
    for (const provider of this.discovery.getProviders()) {
      const type = handlerClassOf(provider);
      if (type === undefined || registered.has(type)) continue;
      registered.add(type);
      this.adapter.provide(type, provider);
      for (const register of registrationsOf(type)) register(this.router, type);
    }
  }
}

function relatedEventsOf({ events }: HandlerContext): RelatedEvents {
  if (events === undefined) throw new TypeError("Cannot inject RelatedEvents: only the handler of a command has some");
  return events;
}

function toNestToken(token: Token<unknown>): string | Abstract<unknown> {
  return token instanceof InjectionToken ? token.name : token;
}

/** In a controller the request is not the context of a message, and has no values. */
function valueOf(token: Token<unknown>): (context: Partial<HandlerContext>) => unknown {
  return function findValue({ values }) {
    if (values?.has(token)) return values.get(token);
    throw new TypeError(`Cannot inject "${token.name}": the dispatch carries no such value`);
  };
}

/** Registers a handler class with the router of an application. */
type Registration = (router: MessageRouter, type: HandlerClass) => void;

/** A class whose method is called `execute`, as Nest has it for commands and queries. */
type ExecutorClassFor<K extends MessageKind, T> = HandlerClass<{ readonly execute: HandlerFunctionFor<K, T> }>;

/** How a handler is registered, and how long Nest keeps it. */
type Options<R = unknown> = HandlerOptions<R> & InjectableOptions;

/** The classes of events that a handler receives, one at least. */
type EventTypes = readonly [MessageType, ...MessageType[]];

/** One for each kind, because each is inherited by itself, as it is with @nestjs/cqrs. */
const REGISTRATIONS: Readonly<Record<MessageKind, symbol>> = {
  command: Symbol("COMMAND_REGISTRATIONS"),
  query: Symbol("QUERY_REGISTRATIONS"),
  event: Symbol("EVENT_REGISTRATIONS"),
};

/** Marks a provider as the handler of a command. */
export function CommandHandler<const T extends OneOrMore<MessagesByKind["command"]>>(
  types: T,
  options?: Options<HandlerResult<"command", T>>,
): <H extends ExecutorClassFor<"command", T>>(type: H) => void {
  const register: Registration = (router, type) => router.commandHandler(types, options)(type as never);
  return (type) => mark(type, { kind: "command", register, options });
}

/** Marks a provider as the handler of a query. */
export function QueryHandler<const T extends OneOrMore<MessagesByKind["query"]>>(
  types: T,
  options?: Options<HandlerResult<"query", T>>,
): <H extends ExecutorClassFor<"query", T>>(type: H) => void {
  const register: Registration = (router, type) => router.queryHandler(types, options)(type as never);
  return (type) => mark(type, { kind: "query", register, options });
}

/** Marks a provider as a handler of events. The last argument may be options. */
export function EventsHandler<const T extends EventTypes>(
  ...types: T
): <H extends HandlerClassFor<"event", T>>(type: H) => void;
export function EventsHandler<const T extends EventTypes>(
  ...typesAndOptions: [...types: T, options: Options | undefined]
): <H extends HandlerClassFor<"event", T>>(type: H) => void;
export function EventsHandler(...typesAndOptions: unknown[]): (type: HandlerClass) => void {
  const hasOptions = typeof typesAndOptions.at(-1) !== "function";
  const options = hasOptions ? typesAndOptions.at(-1) as Options | undefined : undefined;
  const types = hasOptions ? typesAndOptions.slice(0, -1) : typesAndOptions;
  const register: Registration = (router, type) => router.eventHandler(types as never, options)(type as never);
  return (type) => mark(type, { kind: "event", register, options });
}

function mark(
  type: HandlerClass,
  { kind, register, options }: { kind: MessageKind; register: Registration; options: InjectableOptions | undefined },
): void {
  if (options?.scope !== undefined || options?.durable !== undefined) Injectable(options)(type);
  const own: readonly Registration[] = Reflect.getOwnMetadata(REGISTRATIONS[kind], type) ?? [];
  Reflect.defineMetadata(REGISTRATIONS[kind], [...own, register], type);
}

/** What the decorators have left on a class, or on the nearest of its bases that has any. */
function registrationsOf(type: HandlerClass): readonly Registration[] {
  return Object.values(REGISTRATIONS).flatMap((key) => Reflect.getMetadata(key, type) ?? []);
}

/** The class of what a provider makes, if that is a handler. A class that is overridden in a test stands for itself. */
function handlerClassOf({ instance, metatype, token }: Provider): HandlerClass | undefined {
  return [instance?.constructor, metatype, token].find((type): type is HandlerClass =>
    typeof type === "function" && registrationsOf(type as HandlerClass).length > 0
  );
}
