// One mail by HTTP. dotnet new console, then this as Program.cs; no packages.

using System.Net.Http.Json;
using System.Text.Json.Nodes;

var mail = new JsonObject
{
    ["to"] = "Ada <ada@example.com>",
    ["subject"] = "Your order 7",
    ["html"] = "<p>Thank you, Ada. Your order 7 is on its way.</p>",
    ["tags"] = new JsonObject { ["flow"] = "checkout" },
    // With it the request can be repeated after any doubt, and makes no second mail.
    ["idempotency_key"] = "order-7/order-confirmation",
};

using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
http.DefaultRequestHeaders.Add("x-functions-key", Environment.GetEnvironmentVariable("MAILER_KEY") ?? "");
using var reply = await http.PostAsJsonAsync($"{Environment.GetEnvironmentVariable("MAILER_URL")}/emails", mail);

if (!reply.IsSuccessStatusCode)
{
    // Mostly {"error": {"code", "message", …}}; what answers in mailer's place, such as the host without a key, has no JSON.
    Console.Error.WriteLine($"{(int)reply.StatusCode} {await reply.Content.ReadAsStringAsync()}");
    return 1;
}
var answer = await reply.Content.ReadFromJsonAsync<JsonNode>();
Console.WriteLine($"{answer!["id"]} {answer["status"]}");
return 0;
