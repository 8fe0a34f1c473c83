"""The syntax trees of template files, and what is wrong with a file. Touches nothing but the environment's loader."""

import contextlib

import jinja2
from jinja2 import nodes

from mailer.templating.lint.uses import Place


class Trees:
    """The trees asked for so far, the files that they came from, and the faults that were met."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self._environment = environment
        self._loader = environment.loader or jinja2.DictLoader({})
        self._trees: dict[str, tuple[nodes.Template, str] | None] = {}
        self.files: set[str] = set()
        self.faults: dict[tuple[Place, str], None] = {}

    def get(self, name: str, asked_by: Place) -> tuple[nodes.Template, str] | None:
        """The file's syntax tree and its full name, once; what is wrong with it is noted."""
        if name not in self._trees:
            self._trees[name] = self._parse(name, asked_by)
        return self._trees[name]

    def is_there(self, name: str) -> bool:
        """Whether there is such a file."""
        with contextlib.suppress(jinja2.TemplateNotFound):
            return bool(self._loader.get_source(self._environment, name))
        return False

    def _parse(self, name: str, asked_by: Place) -> tuple[nodes.Template, str] | None:
        try:
            source, file, _ = self._loader.get_source(self._environment, name)
            file = file or name
            self.files.add(file)
            self._environment.compile(source, name, file)  # which finds what parsing alone does not
            return self._environment.parse(source, name, file), file
        except jinja2.TemplateNotFound:
            self.faults[asked_by, f"there is no file {name}"] = None
        except jinja2.TemplateSyntaxError as error:
            place = Place(error.filename or name, error.lineno)
            self.faults[place, error.message or "wrong syntax"] = None
        return None
