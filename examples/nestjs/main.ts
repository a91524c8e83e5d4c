/** Serves the users with Nest: `deno run -A examples/nestjs/main.ts` */
import "reflect-metadata";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { AppModule } from "./app_module.ts";

const app = await NestFactory.create(AppModule, new ExpressAdapter());
await app.listen(3000);
