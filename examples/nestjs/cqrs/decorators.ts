import "reflect-metadata";
import { Injectable, type InjectableOptions } from "@nestjs/common";
import type {
  HandlerClass,
  HandlerClassFor,
  HandlerFunctionFor,
  HandlerOptions,
  HandlerResult,
  MessageKind,
  MessageRouter,
  MessagesByKind,
  MessageType,
  OneOrMore,
} from "@cq/core";

/** Registers a handler class with the router of an application. */
type Registration = (router: MessageRouter, type: HandlerClass) => void;

/** A class whose method is called `execute`, as Nest has it for commands and queries. */
type ExecutorClassFor<K extends MessageKind, T> = HandlerClass<{ readonly execute: HandlerFunctionFor<K, T> }>;

/** How a handler is registered, and how long Nest keeps it. */
type Options<R> = HandlerOptions<R> & InjectableOptions;

const REGISTRATIONS = Symbol("REGISTRATIONS");

/** Marks a provider as the handler of a command. */
export function CommandHandler<const T extends OneOrMore<MessagesByKind["command"]>>(
  types: T,
  options?: Options<HandlerResult<"command", T>>,
): <H extends ExecutorClassFor<"command", T>>(type: H) => void {
  return (type) => mark(type, (router, handler) => router.commandHandler(types, options)(handler as never), options);
}

/** Marks a provider as the handler of a query. */
export function QueryHandler<const T extends OneOrMore<MessagesByKind["query"]>>(
  types: T,
  options?: Options<HandlerResult<"query", T>>,
): <H extends ExecutorClassFor<"query", T>>(type: H) => void {
  return (type) => mark(type, (router, handler) => router.queryHandler(types, options)(handler as never), options);
}

/** Marks a provider as a handler of events. */
export function EventsHandler<const T extends readonly [MessageType, ...MessageType[]]>(
  ...types: T
): <H extends HandlerClassFor<"event", T>>(type: H) => void {
  return (type) => mark(type, (router, handler) => router.eventHandler(types as never)(handler as never));
}

function mark(type: HandlerClass, registration: Registration, options: InjectableOptions = {}): void {
  if (options.scope !== undefined || options.durable !== undefined) Injectable(options)(type);
  Reflect.defineMetadata(REGISTRATIONS, [...registrationsOf(type), registration], type);
}

/** What the decorators have left on a class. */
export function registrationsOf(type: HandlerClass): readonly Registration[] {
  return Reflect.getOwnMetadata(REGISTRATIONS, type) ?? [];
}
