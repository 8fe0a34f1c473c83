"""The local cloud as Microsoft's own client libraries see it."""

from datetime import UTC, datetime

import jwt
import requests

from mailer.local.cloud import seed
from tests.local_cloud import LocalCloud

EXCHANGE_SCOPE = f"{seed.TOKEN_EXCHANGE}/.default"
NO_RETRIES = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 5}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Cloud(LocalCloud):
    @property
    def entra(self):
        return {"authority": self.url, "disable_instance_discovery": True, **NO_RETRIES}

    def get_identity(self, header=seed.IDENTITY_HEADER, **query):
        query = {"api-version": "2019-08-01", "resource": seed.VAULT} | query
        headers = {"X-IDENTITY-HEADER": header} if header else {}
        return requests.get(f"{self.url}/msi/token", params=query, headers=headers, timeout=5)


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})
