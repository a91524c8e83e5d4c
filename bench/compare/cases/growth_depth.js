import { Event, MessageRouter } from "@cq/core";
import { measure } from "../measure.js";

let handled = 0;

/** An event whose class has bases, with a handler on the first of them. */
function makeVariant(depth) {
  let Base = class extends Event {};
  const events = new MessageRouter().newEventBus();
  events.subscribe(Base, () => Promise.resolve(++handled));
  for (let i = 1; i < depth; i++) Base = class extends Base {};
  // Made before the measurement, because the constructor of each base runs.
  const event = new Base();
  return { run: () => events.dispatch(event), handled: () => handled };
}

await measure({
  "1 deep": makeVariant(1),
  "5 deep": makeVariant(5),
  "20 deep": makeVariant(20),
});
