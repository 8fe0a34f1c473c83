"""One mail by HTTP.

pip install requests
"""

import os

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

mail = {
    "to": "Ada <ada@example.com>",
    "subject": "Your order 7",
    "html": "<p>Thank you, Ada. Your order 7 is on its way.</p>",
    "tags": {"flow": "checkout"},
    # With it the request can be repeated after any doubt, and makes no second mail.
    "idempotency_key": "order-7/order-confirmation",
}

with requests.Session() as session:
    again = Retry(3, allowed_methods=None, status_forcelist=[502, 503, 504], backoff_factor=1)
    session.mount("https://", HTTPAdapter(max_retries=again))
    session.headers["x-functions-key"] = os.environ.get("MAILER_KEY", "")
    reply = session.post(f"{os.environ['MAILER_URL']}/emails", json=mail, timeout=30)

if not reply.ok:
    # Mostly {"error": {"code", "message", …}}; what answers in mailer's place, as the host without a key, has none.
    raise SystemExit(f"{reply.status_code} {reply.text}")
answer = reply.json()
print(answer["id"], answer["status"])
