import { Container, inject } from "@cq/core";
import { measure } from "../measure.js";
import { peer } from "../peer.js";

await peer("reflect-metadata");
const inversify = await peer("inversify");
const awilix = await peer("awilix");
const needle = await peer("@needle-di/core");
const tsyringe = await peer("tsyringe");

const built = {
  direct: 0,
  cq: 0,
  inversify: 0,
  classic: 0,
  proxy: 0,
  needle: 0,
  tsyringe: 0,
};

class Repository {}
class Clock {}
class Mailer {}

class DirectHandler {
  constructor(repository, clock, mailer) {
    built.direct++;
    this.repository = repository;
    this.clock = clock;
    this.mailer = mailer;
  }
}
const repository = new Repository();
const clock = new Clock();
const mailer = new Mailer();

class CqHandler {
  constructor(
    repository = inject(Repository),
    clock = inject(Clock),
    mailer = inject(Mailer),
  ) {
    built.cq++;
    this.repository = repository;
    this.clock = clock;
    this.mailer = mailer;
  }
}
const container = new Container()
  .bind(Repository, () => new Repository())
  .bind(Clock, () => new Clock())
  .bind(Mailer, () => new Mailer())
  .bind(CqHandler, () => new CqHandler(), { lifetime: "transient" });

class InversifyHandler {
  constructor(repository, clock, mailer) {
    built.inversify++;
    this.repository = repository;
    this.clock = clock;
    this.mailer = mailer;
  }
}
inversify.injectable()(InversifyHandler);
[Repository, Clock, Mailer].forEach((type, i) => inversify.inject(type)(InversifyHandler, undefined, i));
const inversifyContainer = new inversify.Container();
for (const type of [Repository, Clock, Mailer]) {
  inversify.injectable()(type);
  inversifyContainer.bind(type).toSelf().inSingletonScope();
}
inversifyContainer.bind(InversifyHandler).toSelf().inTransientScope();

class ClassicHandler {
  constructor(repository, clock, mailer) {
    built.classic++;
    this.repository = repository;
    this.clock = clock;
    this.mailer = mailer;
  }
}
class ProxyHandler {
  constructor({ repository, clock, mailer }) {
    built.proxy++;
    this.repository = repository;
    this.clock = clock;
    this.mailer = mailer;
  }
}
const awilixContainer = awilix.createContainer().register({
  repository: awilix.asClass(Repository).singleton(),
  clock: awilix.asClass(Clock).singleton(),
  mailer: awilix.asClass(Mailer).singleton(),
  classicHandler: awilix.asClass(ClassicHandler).transient().classic(),
  proxyHandler: awilix.asClass(ProxyHandler).transient().proxy(),
});

class NeedleHandler {
  constructor(
    repository = needle.inject(Repository),
    clock = needle.inject(Clock),
    mailer = needle.inject(Mailer),
  ) {
    built.needle++;
    this.repository = repository;
    this.clock = clock;
    this.mailer = mailer;
  }
}
const needleContainer = new needle.Container().bindAll(
  { provide: Repository, useClass: Repository },
  { provide: Clock, useClass: Clock },
  { provide: Mailer, useClass: Mailer },
  {
    provide: NeedleHandler,
    useFactory: () => new NeedleHandler(),
    transient: true,
  },
);

class TsyringeHandler {
  constructor(repository, clock, mailer) {
    built.tsyringe++;
    this.repository = repository;
    this.clock = clock;
    this.mailer = mailer;
  }
}
Reflect.defineMetadata(
  "design:paramtypes",
  [Repository, Clock, Mailer],
  TsyringeHandler,
);
tsyringe.injectable()(TsyringeHandler);
const tsyringeContainer = tsyringe.container.createChildContainer();
for (const type of [Repository, Clock, Mailer]) {
  tsyringeContainer.registerSingleton(type);
}

const variants = {
  direct: {
    run: () => new DirectHandler(repository, clock, mailer),
    handled: () => built.direct,
    isSync: true,
  },
  cq: {
    run: () => container.get(CqHandler),
    handled: () => built.cq,
    isSync: true,
  },
  inversify: {
    run: () => inversifyContainer.get(InversifyHandler),
    handled: () => built.inversify,
    isSync: true,
  },
  "awilix, classic": {
    run: () => awilixContainer.resolve("classicHandler"),
    handled: () => built.classic,
    isSync: true,
  },
  "awilix, proxy": {
    run: () => awilixContainer.resolve("proxyHandler"),
    handled: () => built.proxy,
    isSync: true,
  },
  // needle-di has only singletons: a new instance takes a child container.
  "needle-di": {
    run: () =>
      needleContainer.createChild().bind({
        provide: NeedleHandler,
        useClass: NeedleHandler,
      }).get(NeedleHandler),
    handled: () => built.needle,
    isSync: true,
  },
  tsyringe: {
    run: () => tsyringeContainer.resolve(TsyringeHandler),
    handled: () => built.tsyringe,
    isSync: true,
  },
};

for (const [name, { run }] of Object.entries(variants)) {
  const [one, other] = [run(), run()];
  const isRight = one !== other && one.repository instanceof Repository &&
    one.clock instanceof Clock &&
    one.mailer instanceof Mailer && one.repository === other.repository;
  if (!isRight) {
    throw new Error(
      `"${name}" does not build a new handler with three shared dependencies`,
    );
  }
}

await measure(variants);
