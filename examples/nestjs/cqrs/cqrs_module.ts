import { type DynamicModule, Global, Inject, Module, type OnModuleInit, Scope } from "@nestjs/common";
import { DiscoveryModule, DiscoveryService, ModuleRef, REQUEST } from "@nestjs/core";
import {
  type AnyMiddleware,
  CommandBus,
  EventBus,
  type HandlerContext,
  MessageRouter,
  QueryBus,
  RelatedEvents,
} from "@cq/core";
import { registrationsOf } from "./decorators.ts";
import { NestAdapter } from "./nest_adapter.ts";

/** What runs around the handlers of each bus. */
export interface CqrsModuleOptions {
  readonly commands?: readonly AnyMiddleware[];
  readonly queries?: readonly AnyMiddleware[];
  readonly events?: readonly AnyMiddleware[];
}

/** Gives an application its three buses, and finds the handlers among its providers. */
@Global()
@Module({})
export class CqrsModule implements OnModuleInit {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MessageRouter) private readonly router: MessageRouter,
  ) {}

  static forRoot({ commands = [], queries = [], events = [] }: CqrsModuleOptions = {}): DynamicModule {
    const fromRouter = <T>(provide: unknown, useFactory: (router: MessageRouter) => T) => ({
      provide: provide as symbol,
      inject: [MessageRouter],
      useFactory,
    });
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
        { provide: RelatedEvents, scope: Scope.REQUEST, inject: [REQUEST], useFactory: relatedEventsOf },
      ],
      exports: [MessageRouter, CommandBus, QueryBus, EventBus, RelatedEvents],
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
