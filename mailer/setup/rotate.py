"""The next secret or certificate: made beside the old one, put into the vault; only then, if wished, the old goes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from azure.core.exceptions import AzureError
from azure.identity import CertificateCredential, ClientSecretCredential

from mailer.identity.network import NETWORK
from mailer.setup import credentials
from mailer.setup.course import Course
from mailer.setup.set_up import Auth, store
from mailer.setup.steps import Planned, Step, Stopped, run

WORKS_WITHIN = 180.0  # seconds from its making until a new secret works everywhere in Entra
PAUSE = 5.0


@dataclass(kw_only=True)
class Rotation:
    """The steps of a rotation. mailer takes the new version without a restart, within half an hour."""

    course: Course
    auth: Auth
    lifetime: timedelta
    remove_old: bool
    _made: credentials.Made | None = field(default=None, init=False)

    def run(self) -> Iterator[Step]:
        """A Step for each, as it is done."""
        steps = [
            Planned(name="sign_in", do=self.course.sign_in),
            Planned(name="application", do=self.course.known_application, needs=frozenset({"sign_in"})),
            Planned(name="credential", do=self._make, needs=frozenset({"application"})),
            Planned(name="vault", do=self._store, needs=frozenset({"credential"})),
        ]
        if self.remove_old:
            steps.append(Planned(name="credential", do=self._remove, needs=frozenset({"credential", "vault"})))
        return run(steps, begin=self.course.begin)

    def _make(self) -> Step:
        course = self.course
        course.vault().newest()  # raises Stopped before anything is made that would have no home
        make = credentials.add_certificate if self.auth == "certificate" else credentials.add_secret
        self._made = make(course.api, course.application or {}, self.lifetime, now=course.clock())
        return course.did("credential", "made", f"Made a new {self._name} until {self._made.expires:%Y-%m-%d}.")

    def _store(self) -> Step:
        if self._made is None:
            raise AssertionError
        return store(self.course, self._made, self.auth)

    def _remove(self) -> Step:
        """Everything older, once the new one has got a token."""
        course, made, application = self.course, self._made, self.course.application or {}
        if made is None:
            raise AssertionError
        self._prove(made)
        if self.auth == "certificate":
            count = credentials.keep_certificates(course.api, application, made.key_id)
        else:
            old = [one for one in credentials.all_of(application, self.auth) if one.key_id != made.key_id]
            for one in old:
                credentials.remove_secret(course.api, application, one.key_id)
            count = len(old)
        if not count:
            return course.found("credential", f"No older {self._name}.")
        return course.did("credential", "removed", f"Removed {count} older; the new one has got a token.")

    def _prove(self, made: credentials.Made) -> None:
        """Get a token by the new credential, which may take a while to be known everywhere; raises Stopped."""
        waited = 0.0
        while (trouble := self._try(made)) is not None:
            if waited >= WORKS_WITHIN:
                what = f"The new {self._name} has got no token within {WORKS_WITHIN:.0f} s; nothing older was removed."
                raise Stopped(what, f"Run `rotate --remove-old` again later. Entra said: {str(trouble)[:200]}")
            self.course.wait(f"waiting for Entra to take the new {self._name}, {waited:.0f} s")
            self.course.sleep(PAUSE)
            waited += PAUSE

    def _try(self, made: credentials.Made) -> Exception | None:
        place, app = self.course.place, (self.course.tenant, (self.course.application or {})["appId"])
        options = {**place.entra, **NETWORK}
        # A new credential each time: one remembers that it was refused.
        credential: CertificateCredential | ClientSecretCredential = (
            CertificateCredential(*app, certificate_data=made.value.encode(), **options)
            if self.auth == "certificate"
            else ClientSecretCredential(*app, made.value, **options)
        )
        try:
            credential.get_token(f"{place.resource}/.default")
        except (AzureError, OSError, ValueError) as error:
            return error
        return None

    @property
    def _name(self) -> str:
        return "certificate" if self.auth == "certificate" else "client secret"
