"""What a check says of its link of the chain."""

from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One link: what was seen, why it is so, and what to do."""

    check: str
    status: Status
    what: str
    why: str = ""
    cure: str = ""

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class Result(Exception):
    """Ends a check early with what it found."""

    def __init__(self, status: Status, what: str, *, why: str = "", cure: str = "") -> None:
        self.status = status
        self.what = what
        self.why = why
        self.cure = cure
        super().__init__(what)

    def finding(self, check: str) -> Finding:
        return Finding(check=check, status=self.status, what=self.what, why=self.why, cure=self.cure)
