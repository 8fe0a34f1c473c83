"""All that is wrong with the templates in a folder, told before a mail shows it. Reads the folder and nothing else."""

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mailer.errors import InvalidRequest, Problem, meant
from mailer.request.model import TemplateUse
from mailer.templating.images import is_image
from mailer.templating.lint.contract import declared, part_paths, undeclared, unused
from mailer.templating.lint.filenames import name_faults, part_for, parts
from mailer.templating.lint.trace import Trace
from mailer.templating.lint.uses import ENTRY
from mailer.templating.schema import Schema
from mailer.templating.sources import Folder
from mailer.templating.templates import Templates
from mailer.templating.versions import SHARED

_OPTIONS = ["on_uncertain", "priority", "locale", "content_ids"]  # what template.json may hold
_CID = re.compile(r"(?<![\w-])cid:([^\"'\s)>{}]++)(?!\{)", re.IGNORECASE)
_COMPUTED_CID = re.compile(r"(?<![\w-])cid:[^\"'\s)>{}]*\{", re.IGNORECASE)
_COMMENT = re.compile(r"\{#.*?#\}|<!--(?!\[if\b).*?-->", re.DOTALL | re.IGNORECASE)
_PLACE = re.compile(r"(?:^|\s)([^\s/]+/[^\s/:]+\.\w+)(?::(\d+))?")


@dataclass(frozen=True, order=True, slots=True)
class Fault:
    """One thing to mend and where; line 0 is the file as a whole."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Language:
    """A template in one language; the tag of the default one is empty."""

    tag: str
    trace: Trace
    sample_file: str
    sample: dict[str, Any] | None


def check(folder: Path) -> list[Fault]:
    """Every fault of the templates in a folder, by file and line."""
    names = sorted(path.name for path in folder.glob("[!._]*") if path.is_dir()) if folder.is_dir() else []
    if not names:
        return [Fault(str(folder), 0, "there is no template here: make a folder with subject.txt and body.html in it")]
    source = Folder(folder)
    templates = Templates(source)
    checks = [_Check(name, source.files(name), templates) for name in names]
    faults = {fault for one in checks for fault in one.faults()}
    shown = {image for one in checks for image in one.shown}
    for image in templates.shared():
        if is_image(image) and image not in shown:
            faults.add(Fault(f"{SHARED}/{image}", 0, f"no template shows it: refer to it as cid:{image}, or delete it"))
    return sorted(faults)


class _Check:
    """One template under examination."""

    def __init__(self, name: str, files: Mapping[str, bytes], templates: Templates) -> None:
        self.name = name
        self.shown: set[str] = set()  # the images that it shows
        self._files = {file: content for file, content in files.items() if not file.startswith(".")}
        self._templates = templates
        self._parts = parts(self._files)
        self._found: list[Fault] = []
        self._dead: set[str] = set()  # references to images that are not there
        self._brought: set[str] = set()  # content ids of images that callers send along
        self._computes = False  # references to images from variables
        # Something keeps mails from being made, and to hear that again from a rendering would tell nothing new.
        self._hopeless = not {"subject", "body"} <= {one.kind for one in self._parts if not one.tag}

    def faults(self) -> list[Fault]:
        """All of them, some perhaps more than once."""
        languages: list[_Language] = []
        if any(one.kind != "sample" for one in self._parts):
            languages = [self._language(tag) for tag in sorted({"", *(one.tag for one in self._parts)})]
        self._check_options()
        declarations = self._schema()
        files = {file for language in languages for file in language.trace.trees.files}
        self._check_images(file for file in files if not file.endswith(".txt"))
        for language in languages:
            strangers = self._check_undeclared(language, {*declarations})
            self._check_rendering(language, strangers)
        # What a broken file would use, nobody can tell.
        is_sure = not any(language.trace.trees.faults for language in languages)
        own = {file.removeprefix(f"{self.name}/") for file in files}
        for file, text in name_faults(self._files, used=own, all_used=is_sure):
            self._say(file, text)
        if is_sure:
            self._check_unused(languages, declarations)
            self._check_unseen()
        return self._found

    def _say(self, file: str, text: str, line: int = 0) -> None:
        self._found.append(Fault(file if "/" in file else f"{self.name}/{file}", line, text))

    def _language(self, tag: str) -> _Language:
        trace = Trace(self._templates.environment(self.name))
        for kind in ("subject", "body"):
            if found := part_for(tag, kind, self._parts):
                trace.follow(f"{self.name}/{found.file}")
        for place, text in trace.trees.faults:
            self._hopeless = True
            self._say(place.file, f"{text.removesuffix('.')}: mend it, or no mail can be made", place.line)
        sample = part_for(tag, "sample", self._parts)
        file = sample.file if sample else "sample.json"
        return _Language(tag=tag, trace=trace, sample_file=file, sample=self._json(file))

    def _json(self, file: str) -> dict[str, Any] | None:
        """The object in a file, if there is such a file."""
        if file not in self._files:
            return None
        try:
            content = json.loads(self._files[file])
            if isinstance(content, dict):
                return content
            self._say(file, "this is JSON but no object: put it into braces")
        except UnicodeDecodeError:
            self._say(file, "this is not UTF-8: save it as such")
        except RecursionError:
            self._say(file, "this is nested too deeply")
        except json.JSONDecodeError as error:
            self._say(file, f"this is no JSON, {error.msg} in column {error.colno}: mend it", error.lineno)
        self._hopeless = True
        return None

    def _check_options(self) -> None:
        options = self._json("template.json")
        for option in {*(options or {})} - {*_OPTIONS}:
            close = meant(option, _OPTIONS) or " or ".join(_OPTIONS)
            self._say("template.json", f"`{option}` is unknown: did you mean {close}?")
        if options and any(one.kind != "sample" for one in self._parts):
            try:
                self._brought = {*self._templates.content_ids(self.name)}
            except InvalidRequest as invalid:
                self._say_problems(invalid.problems)

    def _schema(self) -> dict[str, str]:
        """The path of each declared variable with that of the one which it is a part of."""
        schema = self._json("schema.json")
        if schema is None:
            return {}
        try:
            Schema(schema)
        except ValueError as error:
            self._hopeless = True
            self._say("schema.json", f"this is no JSON Schema, {error}: mend it")
            return {}
        return {path: said.parent for path, said in declared(schema).items()}

    def _check_undeclared(self, language: _Language, known: set[str]) -> set[str]:
        """The paths that are used and nowhere declared."""
        if language.sample is None:
            return set()
        known |= {*part_paths(language.sample)}
        found = {use.path: use.places[0] for use in undeclared(language.trace.variables, known)}
        for path, place in found.items():
            text = (
                f"`{path}` is neither in {language.sample_file} nor in schema.json: add it there, or mend its name here"
            )
            self._say(place.file, text, place.line)
        return {*found}

    def _check_rendering(self, language: _Language, strangers: set[str]) -> None:
        use = TemplateUse(id=self.name, variables=language.sample or {}, locale=language.tag or None)
        try:
            content = self._templates.content(use, known=self._brought)
        except InvalidRequest as invalid:
            problems = [problem for problem in invalid.problems if problem.code != "template_failed"]
            if language.sample is not None:
                self._check_sample(language, problems, strangers)
            is_told = self._hopeless or invalid.problems[0].message.startswith(tuple(self._dead))
            if not problems and not is_told:
                self._say_problems(invalid.problems)
        else:
            self.shown |= {str(image.content_id) for image in content.images}

    def _check_sample(self, language: _Language, problems: Iterable[Problem], strangers: set[str]) -> None:
        for problem in problems:
            path = problem.target or ""
            if re.sub(r"\[\d+\]", ENTRY, path) not in strangers:
                is_missing = problem.code == "template_variable_missing"
                text = f"`{path}` is missing: add it, since the template or its schema needs it"
                self._say(language.sample_file, text if is_missing else problem.message)

    def _say_problems(self, problems: Iterable[Problem]) -> None:
        """What the engine found, at the place that its words name."""
        for problem in problems:
            place = _PLACE.search(problem.message)
            text = problem.message.removeprefix(f"{place[0]} ") if place else problem.message
            self._say(place[1] if place else "", text, int(place[2] or 0) if place else 0)

    def _check_unused(self, languages: Iterable[_Language], declarations: Mapping[str, str]) -> None:
        all_uses = [language.trace.variables for language in languages]
        for path in unused(declarations, all_uses):
            self._say("schema.json", f"`{path}` is used nowhere: delete it, or use it")
        for file in {language.sample_file for language in languages}:
            users = [language for language in languages if language.sample_file == file]
            for path in unused(part_paths(users[0].sample or {}), [language.trace.variables for language in users]):
                self._say(file, f"`{path}` is used nowhere: delete it, or use it")

    def _check_images(self, files: Iterable[str]) -> None:
        images = {file for file in (*self._files, *self._templates.shared()) if is_image(file)}
        for file in files:
            folder, _, own = file.rpartition("/")
            text = (
                (self._templates.shared() if folder == SHARED else self._files).get(own, b"").decode(errors="replace")
            )
            text = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
            for number, line in enumerate(text.split("\n"), 1):
                self._computes |= bool(_COMPUTED_CID.search(line))
                for name in (unquote(html.unescape(found)) for found in _CID.findall(line)):
                    self.shown.add(name)
                    if name not in images | self._brought:
                        self._dead.add(f"cid:{name} ")
                        where = f"neither in the template's folder nor in {SHARED}"
                        mend = "put the image there, mend its name, or name it in template.json's `content_ids`"
                        self._say(file, f"cid:{name} is {where}: {mend}", number)

    def _check_unseen(self) -> None:
        for file in self._files:
            if is_image(file) and file not in self.shown and not self._computes:
                self._say(file, f"no body shows it: refer to it as cid:{file}, or delete it")
