"""A running local cloud, as its clients see it."""

from contextlib import contextmanager
from dataclasses import dataclass

import requests

from mailer.local.cloud import seed
from mailer.local.cloud.control import Control

GRAPH_SCOPE = f"{seed.GRAPH}/.default"


@dataclass(kw_only=True)
class LocalCloud:
    """Where it is, its control panel, and a session that trusts it."""

    url: str
    control: Control
    session: requests.Session

    @property
    def ca(self):
        """The file of its certificate authority."""
        return self.session.verify

    def secret_value(self):
        return self.control.versions()[-1].value

    def post_token(self, tenant=seed.TENANT, **changes):
        """As an app gets a token with its client secret; a field of None is left out."""
        form = {
            "grant_type": "client_credentials",
            "client_id": seed.CLIENT_ID,
            "client_secret": self.secret_value(),
            "scope": GRAPH_SCOPE,
        }
        form = {name: value for name, value in (form | changes).items() if value is not None}
        return self.session.post(f"{self.url}/{tenant}/oauth2/v2.0/token", data=form, timeout=10)

    def token(self, scope=GRAPH_SCOPE):
        """With the roles that the app has now."""
        return self.post_token(scope=scope).json()["access_token"]


@contextmanager
def trusting(ca):
    """A session that trusts this authority, and no proxy."""
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(ca)
        yield session


def code(reply):
    """Status and Graph's code of a refusal."""
    return reply.status_code, reply.json()["error"]["code"]
