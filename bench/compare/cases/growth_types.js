import { MessageRouter, Query } from "@cq/core";
import { measure } from "../measure.js";

let handled = 0;

/** A bus with many registered types, and ten of them that are dispatched in turn. */
function makeVariant(count) {
  const router = new MessageRouter();
  const queries = router.newQueryBus();
  const messages = [];
  for (let i = 0; i < count; i++) {
    // Only the hot types have different sources, as in an application. For all of them it would take too long.
    const Message = i % (count / 10) === 0
      ? new Function(
        "Query",
        `// ${count} ${i}\nreturn class extends Query {}`,
      )(Query)
      : class extends Query {};
    queries.subscribe(Message, () => Promise.resolve(++handled));
    if (i % (count / 10) === 0) messages.push(new Message());
  }
  let turn = 0;
  return {
    run: () => queries.dispatch(messages[turn = (turn + 1) % 10]),
    handled: () => handled,
    hasOwnResult: true,
  };
}

await measure({
  "10 types": makeVariant(10),
  "1,000 types": makeVariant(1000),
  "100,000 types": makeVariant(100_000),
});
