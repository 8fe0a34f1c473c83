"""The calls of the API without a host: from method and path to the door's reply, in the process of a person.

Nobody asks for a key here: whoever runs it reaches storage and Graph with rights of their own.
"""

import asyncio
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import azure.functions as func

from mailer import wiring
from mailer.doors.emails import ROUTE_PREFIX
from mailer.doors.http import HTTP

Function = Callable[[func.HttpRequest], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a door answers."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Direct:
    """All HTTP doors, called by method and path as a host would call them."""

    def __init__(self) -> None:
        wiring.by_hand.set()
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
        for door in HTTP:
            app.register_functions(door)
        triggers = [
            (trigger.get_dict_repr(), one.get_user_function())
            for one in app.get_functions()
            if (trigger := one.get_trigger())
        ]
        # In this order a name wins over a parameter: `{` sorts after every letter.
        triggers.sort(key=lambda each: str(each[0]["route"]))
        self._routes = [
            ({method.value for method in trigger["methods"]}, _pattern(trigger["route"]), function)
            for trigger, function in triggers
        ]

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply of the door at this URL; 404 where there is none."""
        parts = urlsplit(url)
        found = self.find(method, parts.path)
        if not found:
            return Reply(status=404, headers={}, body=b"")
        function, values = found
        # What stands twice is joined, as the host does it.
        query = {name: ",".join(texts) for name, texts in parse_qs(parts.query, keep_blank_values=True).items()}
        request = func.HttpRequest(method, url, headers=headers, params=query, route_params=values, body=body)
        if inspect.iscoroutinefunction(function):
            return _reply(asyncio.run(function(request)))
        return _reply(function(request))

    def find(self, method: str, path: str) -> tuple[Function, dict[str, str]] | None:
        """The function for this method and path, with the values in the path."""
        for methods, pattern, function in self._routes:
            match = pattern.fullmatch(path)
            if match and method in methods:
                return function, {name: unquote(text) for name, text in match.groupdict().items() if text is not None}
        return None


def _pattern(route: str) -> re.Pattern[str]:
    """A route's template as a regular expression; `{name?}` may be left out, with its slash."""
    text = re.escape(f"/{ROUTE_PREFIX}/{route}")
    text = re.sub(r"/\\{(\w+)\\\?\\}", r"(?:/(?P<\1>[^/]+))?", text)
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", text))


def _reply(response: func.HttpResponse) -> Reply:
    headers = dict(response.headers)
    headers.setdefault("Content-Type", f"{response.mimetype}; charset=utf-8")
    return Reply(status=response.status_code, headers=headers, body=response.get_body())
