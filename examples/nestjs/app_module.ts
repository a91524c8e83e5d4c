import { Module } from "@nestjs/common";
import { retry } from "@cq/core";
import { CqrsModule } from "./cqrs.ts";
import { UsersModule } from "./users/users_module.ts";

@Module({ imports: [CqrsModule.forRoot({ events: [retry({ attempts: 3, delay: 100 })] }), UsersModule] })
export class AppModule {}
