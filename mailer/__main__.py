"""python -m mailer setup | rotate | teardown | doctor | send-test | replay | templates: what people do with mailer.

The commands stand in mailer/cli and need packages that the deployed app does without.
"""

import importlib.util
import sys

NEEDED = ("typer", "rich")


def main() -> int:
    """The exit code: 0 all well, 1 something failed, 2 wrong use."""
    missing = [package for package in NEEDED if not importlib.util.find_spec(package)]
    if missing:
        print(
            f"The commands need {' and '.join(missing)}, which the deployed app does without: "
            "pip install -r requirements-cli.txt",
            file=sys.stderr,
        )
        return 1
    from mailer.cli.app import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
