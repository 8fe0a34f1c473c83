"""A template and its variables to what the mail says. Touches what its source touches and nothing else."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from mailer.errors import InvalidRequest, Problem, meant
from mailer.request.json_object import shown
from mailer.request.members import Priority
from mailer.request.model import TemplateUse
from mailer.request.rendered import Content
from mailer.setting_texts import OnUncertain
from mailer.templating.sources import LOOK_EVERY, Folder, Source
from mailer.templating.template import Template
from mailer.templating.versions import Versions

if TYPE_CHECKING:
    from mailer.templating.good_versions import GoodVersions

PACKAGED = Path(__file__).parents[1] / "templates"


class Templates:
    """The templates of a source; thread-safe, one for a worker. Every call may raise InvalidRequest, TryLater."""

    def __init__(self, source: Source | None = None, *, keep: "GoodVersions | None" = None) -> None:
        self._versions = Versions(source or Folder(PACKAGED, look_every=LOOK_EVERY), keep=keep)

    def names(self) -> list[str]:
        """The ids of all templates."""
        return self._versions.names()

    def locales(self, name: str) -> list[str]:
        """The languages of a template, the default one first."""
        return self._template(name).locales()

    def sample(self, name: str, locale: str | None = None) -> dict[str, Any]:
        """The variables to show a template with."""
        return self._template(name).sample(locale)

    def schema(self, name: str) -> dict[str, Any] | None:
        """The JSON Schema of a template's variables, if it has one."""
        return self._template(name).schema()

    def content_ids(self, name: str) -> list[str]:
        """The content ids of the attachments that a template says its callers send along."""
        return self._template(name).content_ids()

    def files(self, name: str) -> Mapping[str, bytes]:
        """A template's own files."""
        return self._template(name).files

    def shared(self) -> Mapping[str, bytes]:
        """The layouts, partials and images of all templates."""
        return self._versions.shared()

    def environment(self, name: str) -> jinja2.Environment:
        """What a template is compiled in; it knows its files and the shared ones."""
        return self._template(name).environment()

    def on_uncertain(self, name: str) -> OnUncertain | None:
        """What the template's own `template.json` says about a mail in doubt."""
        return self._template(name).on_uncertain()

    def priority(self, name: str) -> Priority | None:
        """What the template's own `template.json` says about who goes first."""
        return self._template(name).priority()

    def problems(self, use: TemplateUse, *, known: Collection[str] = ()) -> Iterable[Problem]:
        """What would keep this use of a template from being rendered."""
        try:
            self.content(use, known=known)
        except InvalidRequest as invalid:
            return invalid.problems
        return ()

    def content(self, use: TemplateUse, *, known: Collection[str] = ()) -> Content:
        """The rendered template; `known` are the content ids of the caller's own attachments."""
        return self._template(use.id).content(use, known=known)

    def warnings(self) -> list[str]:
        """What somebody should mend although mails go on."""
        return self._versions.warnings()

    def _template(self, name: str) -> Template:
        template = self._versions.get(name)
        if template is None:
            names = self.names()
            close = meant(name, names)
            hint = f"did you mean `{close}`?" if close else f"there are {', '.join(names)}."
            message = f"There is no template `{shown(name)}`; {hint}"
            raise InvalidRequest([Problem(code="template_not_found", message=message, target="template.id")])
        return template
