// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { MessageRouter, Query } from "@cq/core";
import { measure } from "../measure.js";

const handled = { direct: 0, cq: 0 };
// Made before the measurement: a stack trace would cost more than what is measured here.
const error = new Error("No such user");

class DirectQuery {}
class DirectHandler {
  async handle(_query) {
    handled.direct++;
    throw error;
  }
}

class FindUser extends Query {}
class FindUserHandler {
  async handle(_query) {
    handled.cq++;
    throw error;
  }
}
const router = new MessageRouter();
router.queryHandler(FindUser)(FindUserHandler);
const queries = router.newQueryBus();

await measure({
  direct: {
    run: async () => {
      try {
        return await new DirectHandler().handle(new DirectQuery());
      } catch (caught) {
        return caught.message;
      }
    },
    handled: () => handled.direct,
  },
  cq: {
    run: async () => {
      try {
        return await queries.dispatch(new FindUser());
      } catch (caught) {
        return caught.message;
      }
    },
    handled: () => handled.cq,
  },
});
