"""What is wrong with a template or with the variables it is given, for people. No I/O.

No message quotes what variables hold: they may be private.
"""

import traceback
from collections.abc import Mapping

import jinja2

from mailer.errors import InvalidRequest, Problem
from mailer.templating.page import TooMuch


def failed(message: str) -> InvalidRequest:
    """A fault of the template itself."""
    return InvalidRequest([Problem(code="template_failed", message=message, target="template")])


def wrong_variable(template: str, path: str, fault: str) -> Problem:
    """A fault of one variable, as variables.py notes it."""
    if not fault:
        message = f"The template `{template}` needs the variable `{path}`, and `template.variables` does not have it."
        return Problem(code="template_variable_missing", message=message, target=path)
    message = f"The variable `{path}` of the template `{template}` {fault}."
    return Problem(code="template_variable_invalid", message=message, target=path or "template.variables")


def failed_file(file: str, error: Exception, sources: Mapping[str, bytes]) -> InvalidRequest:
    """Why a file could not be rendered, and in which line of which of the sources it began."""
    reason = type(error).__name__
    if isinstance(error, jinja2.TemplateSyntaxError):
        file, reason = f"{error.filename or file}:{error.lineno}", str(error.message)
    elif isinstance(error, ZeroDivisionError):
        reason = "something is divided by zero"
    elif isinstance(error, jinja2.UndefinedError) and str(error.message).startswith("there is no "):
        reason = str(error.message)  # jinja2's own, of loop.previtem
    elif isinstance(error, TooMuch) or type(error) is jinja2.TemplateRuntimeError:
        reason = f"{jinja2.TemplateRuntimeError.__name__}: {error.message}"
    elif isinstance(error, jinja2.TemplateNotFound) and says(sources, str(error.name)):
        reason = f"{reason}: {error.message}"
    if not isinstance(error, jinja2.TemplateSyntaxError):
        frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        file = next((f"{name}:{line}" for name, line in reversed(frames) if name in sources), file)
    return failed(f"The template file {file} cannot be rendered with these variables: {reason.rstrip('.')}.")


def says(sources: Mapping[str, bytes], text: str) -> bool:
    """Whether a text is the author's own, so that a message may quote it."""
    return any(text.encode(errors="replace") in content for content in sources.values())
