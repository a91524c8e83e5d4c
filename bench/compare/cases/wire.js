import { MessageCatalogue } from "@cq/core/wire";
import { measure } from "../measure.js";
import { peer } from "../peer.js";

// The arguments of a case begin behind those of the measurement.
const [library, work] = globalThis.process.argv.slice(3);

/** The same schema of ten fields, in each library. */
const schemas = {
  async zod() {
    const { z } = await peer("zod");
    return z.object({
      id: z.string(),
      customer: z.string(),
      email: z.string(),
      cents: z.number(),
      discount: z.number(),
      paid: z.boolean(),
      items: z.array(z.string()),
      address: z.object({ street: z.string(), city: z.string() }),
      note: z.string(),
      attempt: z.number(),
    });
  },
  async valibot() {
    const v = await peer("valibot");
    return v.object({
      id: v.string(),
      customer: v.string(),
      email: v.string(),
      cents: v.number(),
      discount: v.number(),
      paid: v.boolean(),
      items: v.array(v.string()),
      address: v.object({ street: v.string(), city: v.string() }),
      note: v.string(),
      attempt: v.number(),
    });
  },
  async arktype() {
    const { type } = await peer("arktype");
    return type({
      id: "string",
      customer: "string",
      email: "string",
      cents: "number",
      discount: "number",
      paid: "boolean",
      items: "string[]",
      address: { street: "string", city: "string" },
      note: "string",
      attempt: "number",
    });
  },
};

class PlaceOrder {
  constructor(attempt) {
    this.id = "order-123456";
    this.customer = "Ada Lovelace";
    this.email = "ada@example.com";
    this.cents = 12_345;
    this.discount = 0.25;
    this.paid = true;
    this.items = ["tea", "milk", "sugar"];
    this.address = { street: "1 Main Street", city: "London" };
    this.note = "Ring twice";
    this.attempt = attempt;
  }
}

const schema = await schemas[library]();
const catalogue = new MessageCatalogue().add("shop.place-order", PlaceOrder, { schema });
const message = new PlaceOrder(1);
const envelope = catalogue.encode(message);
const { body } = envelope;
const done = { hand: 0, cq: 0 };

function decodeByHand(text) {
  done.hand++;
  const result = schema["~standard"].validate(JSON.parse(text));
  if (result.issues !== undefined) throw new TypeError("The data is not valid");
  return result.value;
}

function decode(given) {
  done.cq++;
  return catalogue.decode(given);
}

const runs = {
  encode: [() => (done.hand++, JSON.stringify(message)), () => (done.cq++, catalogue.encode(message).body)],
  decode: [() => decodeByHand(body), () => decode(envelope)],
  both: [() => decodeByHand(JSON.stringify(message)), () => decode(catalogue.encode(message))],
};
const [byHand, byCatalogue] = runs[work];

await measure({
  "by hand": { run: byHand, handled: () => done.hand, isSync: true },
  cq: { run: byCatalogue, handled: () => done.cq, isSync: true },
});
