import { Inject, Injectable, Scope } from "@nestjs/common";
import { REQUEST } from "@nestjs/core";
import type { HandlerContext } from "@cq/core";

/** Who the message is from. The request of what a handler is built of is the context of its message. */
@Injectable({ scope: Scope.REQUEST })
export class Tenant {
  readonly name: string;

  constructor(@Inject(REQUEST) { metadata }: HandlerContext) {
    this.name = String(metadata["tenant"] ?? "nobody");
  }
}
