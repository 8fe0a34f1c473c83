"""A template and its variables to what the mail says. Touches the template folder and nothing else.

A template is a folder with `subject.txt` and `body.html`, or `body.txt` for a mail in plain text. Jinja2 in its
sandbox, HTML autoescaped, and strict: one rendering names every variable that it misses, by its path.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.runtime
import jinja2.sandbox
import jinja2.utils

from mailer.errors import InvalidRequest, Problem
from mailer.lifecycle import OnUncertain
from mailer.mail import Content, MailRequest, TemplateUse
from mailer.variables import Missing, note_path, noting_missing

PACKAGED = Path(__file__).parent / "templates"


class Templates:
    """The templates in a folder; thread-safe, one for a worker."""

    def __init__(self, folder: Path = PACKAGED) -> None:
        self._folder = folder
        self._environment = _Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=Missing,
            autoescape=jinja2.select_autoescape(["html"]),
            finalize=lambda value: "" if value is None else value,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": str}

    def names(self) -> list[str]:
        """The ids of all templates."""
        return sorted(path.parent.name for path in self._folder.glob("[!_]*/subject.txt"))

    def on_uncertain(self, template: str) -> OnUncertain | None:
        """What the template's own `template.json` says about a mail in doubt. Raises InvalidRequest."""
        options = self._folder / template / "template.json"
        if not options.exists():
            return None
        try:
            return OnUncertain(json.loads(options.read_text())["on_uncertain"])
        except (ValueError, KeyError, TypeError) as error:
            message = f"{template}/template.json is wrong: `on_uncertain` must be hold, resend or verify."
            raise _invalid("template_failed", message, "template") from error

    def problems(self, use: TemplateUse) -> Iterable[Problem]:
        """What would keep this use of a template from being rendered."""
        try:
            self.content(use)
        except InvalidRequest as invalid:
            return invalid.problems
        return ()

    def content(self, use: TemplateUse) -> Content:
        """The rendered template. Raises InvalidRequest."""
        names = self.names()
        if use.id not in names:
            close = difflib.get_close_matches(use.id, names, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names)}."
            raise _invalid("template_not_found", f"There is no template `{use.id}`; {hint}", "template.id")
        self.on_uncertain(use.id)
        is_html = (self._folder / use.id / "body.html").exists()
        # One pass over both files, so that what each of them misses is named at once.
        with noting_missing(use.variables) as missing:
            subject = self._text(f"{use.id}/subject.txt", use.variables, missing)
            body = self._text(f"{use.id}/body.{'html' if is_html else 'txt'}", use.variables, missing)
        if missing:
            raise InvalidRequest(_missing(use.id, path) for path in missing)
        return Content(subject=" ".join(subject.split()), body=body, content_type="html" if is_html else "text")

    def _text(self, name: str, variables: Mapping[str, Any], missing: list[str]) -> str:
        try:
            return self._environment.get_template(name).render(variables)
        except Exception as error:
            if missing:  # which explains it, and the rest of the file stays unknown
                return ""
            # Whatever the template's author does with the caller's variables; the text may quote them: it stays out.
            message = f"The template file {name} cannot be rendered with these variables: {type(error).__name__}."
            raise _invalid("template_failed", message, "template") from error


def render(request: MailRequest, *, templates: Templates) -> Content:
    """What the mail says, from its template or as the request has it. Raises InvalidRequest."""
    if request.template:
        return templates.content(request.template)
    subject = request.subject or ""
    if request.html is not None:
        return Content(subject=subject, body=request.html, content_type="html")
    return Content(subject=subject, body=request.text or "", content_type="text")


class _Context(jinja2.runtime.Context):
    def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - jinja2's own signature
        value = super().resolve_or_missing(key)
        note_path(value, jinja2.utils.missing, key)
        return value


class _Environment(jinja2.sandbox.SandboxedEnvironment):
    context_class = _Context

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - jinja2's own signature
        """Prefer a variable to a method of the same name, so that `order.items` is what the caller sent."""
        value = obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)
        note_path(value, obj, attribute)
        return value

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - jinja2's own signature
        value = super().getitem(obj, argument)
        note_path(value, obj, argument)
        return value


def _missing(template: str, path: str) -> Problem:
    message = f"The template `{template}` needs the variable `{path}`, and `template.variables` does not have it."
    return Problem(code="template_variable_missing", message=message, target=path)


def _invalid(code: str, message: str, target: str) -> InvalidRequest:
    return InvalidRequest([Problem(code=code, message=message, target=target)])
