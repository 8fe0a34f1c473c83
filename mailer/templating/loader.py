"""The files that a template is made of, each compiled once."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import jinja2


class Loader(jinja2.BaseLoader):
    """Files by `_shared/FILE`, by `NAME/FILE`, and a template's own by `FILE`."""

    def __init__(self, name: str, files: Mapping[str, bytes], shared: Mapping[str, bytes]) -> None:
        self._folders = {name: files, "": files, "_shared": shared}
        self._name = name
        self._loaded: dict[str, jinja2.Template] = {}
        self._loading = threading.Lock()  # one thread compiles a file, and the others wait for it

    def load(self, environment: jinja2.Environment, name: str, *arguments: Any) -> jinja2.Template:  # noqa: ANN401 - jinja2's own signature
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = super().load(environment, name, *arguments)
            return self._loaded[name]

    def get_source(self, _: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        folder, _slash, file = template.rpartition("/")
        try:
            text = self._folders[folder][file].decode("utf-8-sig")
        except KeyError:
            raise jinja2.TemplateNotFound(template) from None
        except UnicodeDecodeError:
            message = "the file is not in UTF-8"
            raise jinja2.TemplateSyntaxError(message, 1, filename=template) from None
        return text, f"{folder or self._name}/{file}", lambda: True
