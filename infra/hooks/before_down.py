"""Before `azd down`: offers to remove the app registration, which stands in Entra and not in the resource group."""

import sys

from commands import MAILER, agreed, run, shown, this_environment


def main() -> int:
    """0, or 1 if the teardown failed."""
    environ = this_environment()
    if not environ.get("MAILER_CLIENT_ID"):
        return 0
    if not agreed("Remove the app registration and what it may do as well (teardown lists it first)?"):
        print(f"The app registration stays. To remove it: {shown([*MAILER, 'teardown'])}")
        return 0
    return 0 if run([*MAILER, "teardown"], environ) else 1


if __name__ == "__main__":
    sys.exit(main())
