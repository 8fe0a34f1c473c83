// One mail onto the queue: https://learn.microsoft.com/rest/api/storageservices/put-message. Node.js 20 or later; no packages.
// With @azure/storage-queue and @azure/identity it is: new QueueClient(url, new DefaultAzureCredential()).sendMessage(text)

const mail = {
  to: "Ada <ada@example.com>",
  subject: "Your order 8",
  text: "Thank you, Ada. Your order 8 is on its way.",
  idempotency_key: "order-8/confirmation",
};

// In base64 nothing in the JSON has to be escaped for the XML around it; mailer reads both.
const text = Buffer.from(JSON.stringify(mail)).toString("base64");
const url = new URL(process.env.QUEUE_SAS_URL);
url.pathname += "/messages";
url.searchParams.set("messagettl", "-1"); // it stays for as long as it takes, not for a week
const reply = await fetch(url, {
  method: "POST",
  headers: { "Content-Type": "application/xml" },
  body: `<QueueMessage><MessageText>${text}</MessageText></QueueMessage>`,
  signal: AbortSignal.timeout(30_000),
});
if (!reply.ok) {
  console.error(reply.status, await reply.text());
  process.exit(1);
}
console.log((await reply.text()).match(/<MessageId>(.*?)<\/MessageId>/)[1]);
