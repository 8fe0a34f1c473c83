"""Which version of a template mails are made with: the newest, or the last good one while the newest is broken."""

import hashlib
import logging
import re
import threading
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailer.errors import TryLater
from mailer.templating.sources import Files, Source
from mailer.templating.template import Template

if TYPE_CHECKING:
    from mailer.templating.good_versions import GoodVersions

log = logging.getLogger("mailer.templating.versions")

SHARED = "_shared"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    """Of these files, this version, and what somebody should mend."""

    files: Files
    shared: Files
    template: Template
    is_good: bool = True
    warning: str | None = None

    def is_of(self, files: Files, shared: Files) -> bool:
        return self.files is files and self.shared is shared


class Versions:
    """The templates of a source; thread-safe. What `keep` holds outlives the worker."""

    def __init__(self, source: Source, *, keep: "GoodVersions | None" = None) -> None:
        self._source = source
        self._keep = keep
        self._choices: dict[str, _Choice] = {}
        self._choosing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # by template

    def names(self) -> list[str]:
        """The ids of all templates."""
        return sorted(name for name, files in self._source.folders().items() if _is_template(name, files))

    def shared(self) -> Files:
        """The layouts, partials and images of all templates."""
        return self._source.files(SHARED)

    def get(self, name: str) -> Template | None:
        """The version to use; None where there is no such template. Raises TryLater if that cannot be known."""
        try:
            files, shared = self._source.files(name), self.shared()
        except TryLater:
            known = self._choices.get(name) or self._kept(name)
            if known is None:
                raise
            self._choices[name] = known
            return known.template
        if not _is_template(name, files):
            self._choices.pop(name, None)
            return None
        known = self._choices.get(name)
        if known and known.is_of(files, shared):
            return known.template
        # One thread looks at a new version, and the others go on with the old one if there is one.
        choosing = self._choosing[name]
        if choosing.acquire(blocking=known is None):
            try:
                known = self._choices.get(name)
                if known is None or not known.is_of(files, shared):
                    known = self._choices[name] = self._choose(Template(name, files, shared), known)
            finally:
                choosing.release()
        return known.template if known else None

    def warnings(self) -> list[str]:
        """What somebody should mend although mails go on: broken versions, and a source that does not answer."""
        try:
            for name in self.names():
                self.get(name)
        except TryLater as trouble:
            return [str(trouble)]
        broken = [choice.warning for _, choice in sorted(self._choices.items()) if choice.warning]
        return [*self._source.warnings(), *broken]

    def _choose(self, newest: Template, known: _Choice | None) -> _Choice:
        files, shared = newest.files, newest.shared
        fault = None if self._source.as_is else newest.fault()
        if fault is None:
            if not self._source.as_is:
                self._put(newest)
            return _Choice(files=files, shared=shared, template=newest)
        good = known if known and known.is_good else self._kept(newest.name)
        goes_on = "the last good one goes on" if good else "there is no good one, so that mails with it fail"
        warning = f"The newest version of the template `{newest.name}` is broken, and {goes_on}: {fault}"
        log.warning("template_broken template=%s reason=%s", _in_log(newest.name), fault)
        template = good.template if good else newest
        return _Choice(files=files, shared=shared, template=template, is_good=good is not None, warning=warning)

    def _put(self, good: Template) -> None:
        if self._keep:
            try:
                self._keep.put(good.name, good.files, good.shared)
            except TryLater as trouble:
                log.warning("template_not_kept template=%s reason=%s", _in_log(good.name), trouble)

    def _kept(self, name: str) -> _Choice | None:
        try:
            kept = self._keep.get(name) if self._keep else None
        except TryLater as trouble:
            log.warning("template_not_kept template=%s reason=%s", _in_log(name), trouble)
            return None
        return kept and _Choice(files=kept[0], shared=kept[1], template=Template(name, *kept))


def _in_log(name: str) -> str:
    """A name that a caller may have chosen: it could hold an address."""
    plain = re.fullmatch(r"[\w.-]{1,64}", name, re.ASCII)
    return name if plain else f"#{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:12]}"


def _is_template(name: str, files: Collection[str]) -> bool:
    return not name.startswith(("_", ".")) and any(file.lower().startswith(("subject.", "body.")) for file in files)
