#!/bin/sh
# One mail onto the queue: https://learn.microsoft.com/rest/api/storageservices/put-message. In base64 nothing in the
# JSON has to be escaped for the XML around it; mailer reads both.
set -eu

mail=$(base64 <<'JSON'
{
  "to": "Ada <ada@example.com>",
  "subject": "Your order 8",
  "text": "Thank you, Ada. Your order 8 is on its way.",
  "idempotency_key": "order-8/confirmation"
}
JSON
)
url=${QUEUE_SAS_URL%%\?*}
signature=${QUEUE_SAS_URL#*\?}
# -1: the message stays for as long as it takes, not for a week.
curl --fail-with-body --silent --show-error --retry 3 --max-time 30 "$url/messages?messagettl=-1&$signature" \
  --header "Content-Type: application/xml" \
  --data "<QueueMessage><MessageText>$mail</MessageText></QueueMessage>"
