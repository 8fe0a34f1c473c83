// One mail onto the queue, with rights of one's own: az login here, a managed identity in Azure.
// dotnet add package Azure.Storage.Queues; dotnet add package Azure.Identity

using System.Text.Json.Nodes;
using Azure.Identity;
using Azure.Storage.Queues;

var mail = new JsonObject
{
    ["to"] = "Ada <ada@example.com>",
    ["subject"] = "Your order 8",
    ["text"] = "Thank you, Ada. Your order 8 is on its way.",
    ["idempotency_key"] = "order-8/confirmation",
};

// QueueMessageEncoding.None and .Base64 are both read.
var queue = new QueueClient(new Uri(Environment.GetEnvironmentVariable("QUEUE_URL")!), new DefaultAzureCredential());
// -1 second: the message stays for as long as it takes, not for a week.
var receipt = await queue.SendMessageAsync(mail.ToJsonString(), timeToLive: TimeSpan.FromSeconds(-1));
Console.WriteLine(receipt.Value.MessageId);
