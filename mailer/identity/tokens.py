"""Tokens for Microsoft Graph that outlive a rotation: when the vault is read again, and what is known of an expiry.

Does nothing by itself: how the vault is read and how the app signs in are handed to it.
"""

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.errors import Misconfigured, TryLater

log = logging.getLogger("mailer.tokens")

TTL = timedelta(minutes=30)  # for which a secret is used without another look into the vault
AGAIN = timedelta(minutes=1)  # from a failed look, or a refused secret, to the next try
WARN_AT = (0, 7, 30, 60)  # days before the secret expires

# A secret or certificate that is wrong, expired or unusable: the vault may have a newer one.
_ROTATED = {"AADSTS7000215", "AADSTS7000222", "AADSTS700027", "secret_unusable"}


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Secret:
    """What the vault holds: a client secret, or a certificate with its key. `expires_on` only informs."""

    name: str
    value: str
    version: str
    expires_on: datetime | None = None

    def days_left(self, now: datetime) -> float:
        """Whole days until it expires, begun ones counted; 0 or less once it has."""
        return math.ceil((self.expires_on - now) / timedelta(days=1)) if self.expires_on else math.inf


NO_SECRET = Secret(name="", value="", version="")
"""What an app that signs in without one reads."""


class GraphTokens:
    """Tokens for Graph. A lock makes one flight of any number of threads' requests."""

    def __init__(
        self,
        *,
        read_secret: Callable[[], Secret],
        sign_in: Callable[[Secret], Callable[[], str]],
        clock: Callable[[], datetime],
    ) -> None:
        """`sign_in` gives the function that gives tokens, the one it keeps as long as that is good."""
        self._read_secret = read_secret
        self._sign_in = sign_in
        self._clock = clock
        self._lock = threading.Lock()
        self._secret: Secret | None = None
        self._look_at = clock()  # when the vault is due
        self._not_renewed: TryLater | None = None  # why the last look brought no successor that works
        self._get_token: Callable[[], str] | None = None
        self._token: str | None = None
        self._failure: TryLater | None = None
        self._failed_until = clock()
        self._warned: set[tuple[str, int]] = set()

    def token(self, refused: str | None = None) -> str:
        """A token; not the one that Graph has just refused. Raises TryLater, Misconfigured."""
        came = self._clock()
        self._look_for_successor()
        with self._lock:
            if refused is not None and refused == self._token:
                self._get_token = None  # a credential gives the token it keeps; only a new one asks again
            # Who waited here while an attempt failed shares its outcome, else each would wait out its own.
            if self._failure and came < self._failed_until:
                raise self._failure.with_traceback(None)
            try:
                self._token = self._request()
            except TryLater as failure:
                self._failure, self._failed_until = failure, max(self._failed_until, self._clock())
                raise
            self._failure = None
            self._log_expiry()
            return self._token

    def check(self) -> tuple[str, ...]:
        """Ask for a token and say what will go wrong later. Raises TryLater, Misconfigured for what is wrong now."""
        self.token()
        secret, not_renewed = self._secret or NO_SECRET, self._not_renewed
        left = secret.days_left(self._clock())
        if left <= 0:
            raise Misconfigured(_expiry(secret, left), code="secret_expired")
        expiry = [_expiry(secret, left)] if left <= max(WARN_AT) else []
        kept = "mailer goes on with the secret it has, for it can take no newer one."
        return (*expiry, *([f"{kept} {not_renewed}"] if not_renewed else []))

    @property
    def expires_on(self) -> datetime | None:
        """When the secret expires that was read last, if the vault knows."""
        return self._secret.expires_on if self._secret else None

    def _request(self) -> str:
        secret = self._secret or self._read()
        try:
            return self._ask(secret)
        except TryLater as refusal:
            if refusal.code not in _ROTATED:
                raise
            self._failed_until = self._clock() + AGAIN  # a bad secret must not turn every mail into a look
            newest = self._read()
            if newest.version == secret.version:
                raise
        token = self._ask(newest)
        log.info("secret_rotated version=%s", newest.version)
        return token

    def _read(self) -> Secret:
        self._secret = self._read_secret()
        self._get_token, self._not_renewed = None, None
        self._look_at = self._clock() + TTL
        return self._secret

    def _ask(self, secret: Secret) -> str:
        self._get_token = self._get_token or self._sign_in(secret)
        return self._get_token()

    def _look_for_successor(self) -> None:
        """Once the secret is old, let one thread read the vault while the others go on.

        A new version may not yet work everywhere in Entra: it replaces the old one when it has got a token.
        """
        with self._lock:
            old, get_token = self._secret, None
            if old is None or self._clock() < self._look_at:
                return
            self._look_at = self._clock() + AGAIN
        try:
            newest = self._read_secret()
            if newest.version != old.version:
                get_token = self._sign_in(newest)
                get_token()
                log.info("secret_rotated version=%s", newest.version)
        except TryLater as failure:
            if self._not_renewed is None or self._not_renewed.code != failure.code:
                log.warning("secret_not_renewed code=%s %s", failure.code, failure)
            self._not_renewed = failure
            return
        with self._lock:
            if self._secret is old:  # else another thread was refused meanwhile, and has read the vault
                self._secret, self._not_renewed = newest, None
                self._get_token = get_token or self._get_token
                self._look_at = self._clock() + TTL

    def _log_expiry(self) -> None:
        """Warn once for each version and threshold."""
        secret = self._secret or NO_SECRET
        left = secret.days_left(self._clock())
        threshold = next((days for days in WARN_AT if left <= days), None)
        if threshold is not None and (secret.version, threshold) not in self._warned:
            self._warned.add((secret.version, threshold))
            log.warning("secret_expires version=%s %s", secret.version, _expiry(secret, left))


def _expiry(secret: Secret, left: float) -> str:
    day = f"{secret.expires_on:%Y-%m-%d}"
    when = f"expires on {day} (days left: {left})" if left > 0 else f"expired on {day}"
    return (
        f"The vault's secret `{secret.name}` {when}. Make a new client secret or certificate, add it to the app "
        "registration, and write it to the vault as a new version; mailer takes it without a restart."
    )
