import { Module } from "@nestjs/common";
import { CreateUserHandler, FindUserHandler, SendWelcomeMail } from "./handlers.ts";
import { Mailbox } from "./mailbox.ts";
import { Tenant } from "./tenant.ts";
import { MemoryUserRepository, UserRepository } from "./user_repository.ts";
import { UsersController } from "./users_controller.ts";

@Module({
  controllers: [UsersController],
  providers: [
    { provide: UserRepository, useClass: MemoryUserRepository },
    Mailbox,
    Tenant,
    CreateUserHandler,
    FindUserHandler,
    SendWelcomeMail,
  ],
})
export class UsersModule {}
