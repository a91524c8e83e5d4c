/** A checkout in three commands, each made of the result of the one before: as functions, and as methods. */
import { Command, MessageRouter, Query } from "@cq/core";

class ValidateCart extends Command<number> {
  readonly cartId: string;

  constructor(cartId: string) {
    super();
    this.cartId = cartId;
  }
}

class CreateTransaction extends Command<string> {
  readonly amount: number;

  constructor(amount: number) {
    super();
    this.amount = amount;
  }
}

class FindMerchant extends Query<string> {
  readonly transactionId: string;

  constructor(transactionId: string) {
    super();
    this.transactionId = transactionId;
  }
}

class NotifyMerchant extends Command<boolean> {
  readonly merchant: string;
  readonly text: string;

  constructor(merchant: string, text: string) {
    super();
    this.merchant = merchant;
    this.text = text;
  }
}

const router = new MessageRouter();
const carts = new Map([["books", 30], ["nothing", 0]]);
let transactions = 0;

router.newCommandBus()
  .subscribe(ValidateCart, ({ cartId }) => {
    const amount = carts.get(cartId);
    if (amount === undefined) throw new RangeError(`There is no cart "${cartId}"`);
    console.log(`  validated the cart "${cartId}": ${amount} EUR`);
    return amount;
  })
  .subscribe(CreateTransaction, ({ amount }) => {
    const transactionId = `T${++transactions}`;
    console.log(`  created the transaction ${transactionId}: ${amount} EUR`);
    return transactionId;
  })
  .subscribe(NotifyMerchant, ({ merchant, text }) => {
    console.log(`  told ${merchant}: ${text}`);
    return true;
  });

router.newQueryBus().subscribe(FindMerchant, () => "Ada's Books");

/** What the steps of one run share. */
class Checkout {
  transactionId = "none";
  isNotified = false;
}

// Functions: the compiler knows each result from the message before. A step that returns nothing ends the run.
const checkout = router.commandPipeline(ValidateCart, Checkout)
  .step((amount) => amount === 0 ? undefined : new CreateTransaction(amount))
  .query((transactionId, context) => {
    context.transactionId = transactionId;
    return new FindMerchant(transactionId);
  })
  .step((merchant, { transactionId }) => new NotifyMerchant(merchant, `sold in ${transactionId}`))
  .step((isNotified, context) => {
    context.isNotified = isNotified;
  });

for (const cartId of ["books", "nothing", "stolen"]) {
  console.log(`functions, the cart "${cartId}"`);
  try {
    const { transactionId, isNotified } = await checkout.dispatch(new ValidateCart(cartId));
    console.log(`  transaction: ${transactionId}, merchant notified: ${isNotified}`);
  } catch (error) {
    console.log(`  ${error}: no step ran`);
  }
}

// Methods: the context itself says what happens, in the order of the source. Middlewares go around the whole run.
const payment = router.commandPipeline(ValidateCart).use(async function* () {
  console.log("  the run starts");
  yield;
  console.log("  the run has ended");
});

class Payment {
  transactionId = "none";
  readonly customer: string;

  constructor(customer = "a guest") {
    this.customer = customer;
  }

  @payment.step
  validated(amount: number): CreateTransaction | undefined {
    return amount === 0 ? undefined : new CreateTransaction(amount);
  }

  @payment.queryStep
  created(transactionId: string): FindMerchant {
    this.transactionId = transactionId;
    return new FindMerchant(transactionId);
  }

  @payment.step
  found(merchant: string): NotifyMerchant {
    return new NotifyMerchant(merchant, `sold in ${this.transactionId}, to ${this.customer}`);
  }
}

console.log("methods, a fresh context");
const fresh = await payment.run(Payment, new ValidateCart("books"));
console.log(`  transaction: ${fresh.transactionId}`);

console.log("methods, a context that the caller has seeded");
const seeded = await payment.run(new Payment("Grace"), new ValidateCart("books"));
console.log(`  transaction: ${seeded.transactionId}`);
