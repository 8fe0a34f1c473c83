"""A shell that knows the short name `mailer` and completes commands and flags: `python -m mailer completion bash`."""

import shlex
import sys
from typing import Annotated, Literal

import typer
from typer.completion import completion_init, get_completion_script  # type: ignore[attr-defined]  # its __all__ is empty

EXAMPLES = """\b
Examples:
eval "$(python -m mailer completion bash)"
python -m mailer completion fish | source
"""
NAME = "mailer"
VARIABLE = "_MAILER_COMPLETE"  # in which the shell says what it asks
# The short name as a function, and what calls the program in the scripts of typer, which are for programs alone.
_SHELLS = {
    "bash": ('mailer() {{ {call} "$@"; }}', "complete_bash $1", "complete_bash {call}"),
    "zsh": ('mailer() {{ {call} "$@" }}', "complete_zsh mailer", "complete_zsh {call}"),
    "fish": ("function mailer; {call} $argv; end", "(commandline -cp) mailer", "(commandline -cp) {call}"),
}


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="the shell it is for")],
) -> None:
    """Print what makes `mailer` short for `python -m mailer` in this shell, with completion.

    For every session: put the line of the example into the shell's start-up file, such as ~/.bashrc.
    """
    call = f"{shlex.quote(sys.executable)} -m mailer"
    function, theirs, ours = _SHELLS[shell]
    script = get_completion_script(prog_name=NAME, complete_var=VARIABLE, shell=shell)
    typer.echo(function.format(call=call))
    typer.echo(script.replace(theirs, ours.format(call=call)))


def answer(app: typer.Typer) -> None:
    """Tell the shell what could come next."""
    completion_init()
    app(prog_name=NAME, complete_var=VARIABLE)
