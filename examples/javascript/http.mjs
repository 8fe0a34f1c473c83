// One mail by HTTP. Node.js 20 or later; no packages.

const mail = {
  to: "Ada <ada@example.com>",
  subject: "Your order 7",
  html: "<p>Thank you, Ada. Your order 7 is on its way.</p>",
  tags: { flow: "checkout" },
  // With it the request can be repeated after any doubt, and makes no second mail.
  idempotency_key: "order-7/order-confirmation",
};

async function post(tries = 4) {
  try {
    const reply = await fetch(`${process.env.MAILER_URL}/emails`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "x-functions-key": process.env.MAILER_KEY ?? "" },
      body: JSON.stringify(mail),
      signal: AbortSignal.timeout(30_000),
    });
    if (reply.status < 500 || tries === 1) return reply;
  } catch (fault) {
    if (tries === 1) throw fault;
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return post(tries - 1);
}

const reply = await post();
if (!reply.ok) {
  // Mostly {"error": {"code", "message", …}}; what answers in mailer's place, such as the host without a key, has no JSON.
  console.error(`${reply.status} ${await reply.text()}`);
  process.exit(1);
}
const answer = await reply.json();
console.log(answer.id, answer.status);
