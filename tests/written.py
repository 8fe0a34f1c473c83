"""Templates that a test writes."""

import re

import pydantic_core
import pytest

from mailer.errors import InvalidRequest
from mailer.request.model import TemplateUse
from mailer.request.rendered import Content
from mailer.templating.sources import Folder
from mailer.templating.templates import Templates


def _shown(content):
    """What it says, but for where in memory something lies."""
    return [re.sub("0x[0-9a-f]+", "", text) for text in (content.subject, content.body)]


class Written:
    """A folder of templates that a test fills; `t` is the one it is about."""

    def __init__(self, path):
        self.path = path
        self.templates = Templates(Folder(path))

    def write(self, name="t", **files):
        """The files of one template; `body_fr_html` is body.fr.html."""
        self.put({f"{name}/{file.replace('_', '.')}": text for file, text in files.items()})

    def put(self, files):
        for file, content in files.items():
            path = self.path / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def content(self, name="t", *, use_locale=None, known=(), **variables) -> Content:
        # As they come from a request: equal texts and small numbers may be one object.
        variables = pydantic_core.from_json(pydantic_core.to_json(variables))
        made = self._content(name, variables, use_locale, known)
        if self.templates.schema(name) is None:  # a null that nobody uses makes mailer render in its careful way
            careful = self._content(name, variables | {"a_null": None}, use_locale, known)
            assert _shown(careful) == _shown(made)
        return made

    def _content(self, name, variables, locale, known):
        return self.templates.content(TemplateUse(id=name, variables=variables, locale=locale), known=known)

    def body(self, text, **variables):
        self.write(subject_txt="s", body_html=text)
        return self.content(**variables).body

    def problems(self, text=None, **variables):
        """What is wrong: by its target, the code and the message."""
        if text is not None:
            self.write(subject_txt="s", body_html=text)
        with pytest.raises(InvalidRequest) as refusal:
            self.content(**variables)
        return {problem.target: (problem.code, problem.message) for problem in refusal.value.problems}

    def wrong(self, text=None, **variables):
        """The paths of mistyped variables, with what each must be."""
        problems = self.problems(text, **variables)
        assert {code for code, _ in problems.values()} == {"template_variable_invalid"}
        return {path: message.partition(" of the template `t` ")[2] for path, (_, message) in problems.items()}

    def missing(self, text, **variables):
        """The paths of the variables that this body misses."""
        problems = self.problems(text, **variables)
        assert {code for code, _ in problems.values()} == {"template_variable_missing"}
        return list(problems)

    def problem(self, name="t", **variables):
        with pytest.raises(InvalidRequest) as refusal:
            self.content(name, **variables)
        (problem,) = refusal.value.problems
        return problem
