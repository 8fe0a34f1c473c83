"""Function, host and master keys, made at the first start and kept in `.local/host-keys.json`.

https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
"""

import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(".local") / "host-keys.json"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys that open functions: one opens its own function, the host's opens all, the master key also /admin."""

    master: str
    host: str
    functions: dict[str, str]

    def allows(self, level: str, function: str, key: str | None) -> bool:
        """Whether the key opens a function of this authorization level."""
        match level.casefold():
            case "anonymous":
                return True
            case "admin":
                return self.opens_admin(key)
            case _:
                own = (self.functions[function],) if function in self.functions else ()
                return _one_of(key, self.master, self.host, *own)

    def opens_admin(self, key: str | None) -> bool:
        """Whether the key is the master key."""
        return _one_of(key, self.master)


def load_keys(root: Path, functions: Iterable[str]) -> Keys:
    """The stored keys, with new ones for whatever has none yet."""
    path = root / FILE
    stored = json.loads(path.read_text()) if path.is_file() else {}
    own = stored.get("functions", {})
    keys = Keys(
        master=stored.get("master") or _new(),
        host=stored.get("host") or _new(),
        functions={name: own.get(name) or _new() for name in functions},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"master": keys.master, "host": keys.host, "functions": own | keys.functions}, indent=2))
    return keys


def _new() -> str:
    return secrets.token_urlsafe(40)


def _one_of(key: str | None, *valid: str) -> bool:
    return key is not None and any(hmac.compare_digest(key.encode(), one.encode()) for one in valid)
