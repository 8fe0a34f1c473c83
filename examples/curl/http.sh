#!/bin/sh
# One mail by HTTP. --retry repeats after a fault of the network; the key keeps that from making a second mail.
set -eu

curl --fail-with-body --silent --show-error --retry 3 --max-time 30 "$MAILER_URL/emails" \
  --header "x-functions-key: ${MAILER_KEY:-}" \
  --header "Content-Type: application/json" \
  --header "Idempotency-Key: order-7/order-confirmation" \
  --data @- <<'JSON'
{
  "to": "Ada <ada@example.com>",
  "subject": "Your order 7",
  "html": "<p>Thank you, Ada. Your order 7 is on its way.</p>",
  "tags": { "flow": "checkout" }
}
JSON
