"""What goes wrong in a history: calls that fail, a Graph in a mood, settings that are wrong."""

from datetime import timedelta

from mailer.errors import ConfigError, InvalidRequest, Problem, Suppressed, Throttled, TryLater
from tests.post import BUSY, DENIED, DOWN, NO_ANSWER, REFUSED, Crash

LAG = timedelta(minutes=10)  # until a copy shows in Sent Items
SLOW_DOWN = Throttled("Slow down.", code="ApplicationThrottled", after=timedelta(seconds=90))
WRONG = ConfigError(["A setting is wrong."])


class Bug(Exception):
    """The app itself fails."""


# What Graph does with a mail: whether it takes it, and what its caller hears.
MOODS = {
    "takes it": (True, None),
    "takes it, and the answer is lost": (True, NO_ANSWER),
    "takes it, and the worker stumbles": (True, Bug("after the claim")),
    "takes it, its copy is deleted, and the answer is lost": (True, NO_ANSWER),
    "hears nothing": (False, NO_ANSWER),
    "is busy": (False, BUSY),
    "throttles": (False, SLOW_DOWN),
    "is not allowed": (False, DENIED),
    "refuses": (False, REFUSED),
}
# What is wrong with the app for a while, by the part that stumbles over it.
SETTINGS = {
    "a sender that is no address": ("rules", WRONG),
    "a sender that was taken away": ("rules", InvalidRequest([Problem(code="sender_not_allowed", message="No.")])),
    "a template folder that is not there": ("compose", WRONG),
    "a template that cannot be read": ("compose", TryLater("Blobs are away.", code="storage_unavailable")),
    "a gate without an address": ("screen", WRONG),
    "a gate that lets nobody through": ("screen", Suppressed("Nobody is left.", code="suppressed")),
    "a bug": ("compose", Bug("before the claim")),
}
FAULTS = ("crash before", "crash after", "away", "answer lost")


class Faults:
    """What goes wrong with the calls of a step: one of them, counted from now, and all of a service that is away."""

    def __init__(self):
        self.away = set()
        self.armed = None

    def io(self, service, call):
        """One call to a service, which may fail before it is carried out or after."""
        if service in self.away:
            raise DOWN
        kind = self._due()
        if kind == "crash before":
            raise Crash
        if kind == "away":
            raise BUSY if service == "graph" else DOWN
        done = call()
        if kind == "crash after":
            raise Crash
        if kind == "answer lost":
            raise NO_ANSWER if service == "graph" else DOWN
        return done

    def _due(self):
        if self.armed is None:
            return None
        left, kind = self.armed
        self.armed = (left - 1, kind) if left else None
        return None if left else kind


class Faulty:
    """A part of the storage, each of whose calls may fail."""

    def __init__(self, service, part, faults):
        self.part = part
        self._service, self._faults = service, faults

    def __getattr__(self, name):
        found = getattr(self.part, name)
        if not callable(found):
            return found
        return lambda *given, **named: self._faults.io(self._service, lambda: found(*given, **named))


class Graph:
    """Takes a mail or not, as its mood is, and then may be slow: `meanwhile` happens before its caller goes on."""

    def __init__(self, world):
        self.world = world
        self.mood = "takes it"
        self.meanwhile = None
        self.copies = []
        self.sent_items = []  # of (mail, instant)

    def authorize(self):
        return "token"

    def send(self, mail, _token):
        self.world.faults.io("graph", lambda: self._take(mail))
        self.world.learned = mail.id

    def send_large(self, mail, token, *, leaving):
        self.world.faults.io("graph", self._pass_time)
        leaving()
        self.send(mail, token)

    def clear_drafts(self, _mail, _token):
        self.world.faults.io("graph", lambda: None)

    def is_sent(self, mail, _sender, _token):
        if isinstance(said := MOODS[self.mood][1], TryLater):
            raise said
        before = self.world.clock.now - LAG
        return self.world.faults.io("graph", lambda: any(one == mail and at <= before for one, at in self.sent_items))

    def _take(self, mail):
        taken, said = MOODS[self.mood]
        if taken:
            self.world.on_sent(mail)
            self.copies.append(mail.id)
            if "deleted" not in self.mood:
                self.sent_items.append((mail.id, self.world.clock.now))
        self._pass_time()
        if said:
            raise said

    def _pass_time(self):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
