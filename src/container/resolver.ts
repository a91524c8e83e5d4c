import { CircularDependencyError, ProviderNotFoundError } from "../errors.ts";
import { nameOf } from "../message.ts";
import { RelatedEvents } from "../related_events.ts";
import { construct } from "./inject.ts";
import type { Token } from "./token.ts";
...
