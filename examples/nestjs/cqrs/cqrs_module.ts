import { type Abstract, type DynamicModule, Global, Inject, Module, type OnModuleInit, Scope } from "@nestjs/common";
import { DiscoveryModule, DiscoveryService, ModuleRef, REQUEST } from "@nestjs/core";
import {
  type AnyMiddleware,
  CommandBus,
  EventBus,
  type HandlerContext,
  InjectionToken,
  MessageRouter,
  QueryBus,
  RelatedEvents,
  type Token,
} from "@cq/core";
import { registrationsOf } from "./decorators.ts";
import { NestAdapter } from "./nest_adapter.ts";

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
        {
          provide: MessageRouter,
          inject: [ModuleRef],
          useFactory: (modules: ModuleRef) => new MessageRouter(new NestAdapter(modules)),
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
    const types = new Set(this.discovery.getProviders().map(({ metatype }) => metatype));
    for (const type of types) {
      if (typeof type !== "function") continue;
      for (const register of registrationsOf(type as new () => object)) register(this.router, type as new () => object);
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
