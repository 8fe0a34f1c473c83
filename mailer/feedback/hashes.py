"""Many hashes in few bytes: 100,000 of them are 1.6 MB, in memory as in a row of a table. Pure."""

from bisect import bisect_left
from dataclasses import dataclass

SIZE = 16  # bytes of a hash


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes of SIZE bytes one behind the other, in their order."""

    packed: bytes = b""

    def __len__(self) -> int:
        return len(self.packed) // SIZE

    def __contains__(self, one: bytes) -> bool:
        return self._at(self._place(one)) == one

    def with_one(self, one: bytes) -> "Hashes":
        """These and this one."""
        cut = self._place(one) * SIZE
        return self if one in self else Hashes(self.packed[:cut] + one + self.packed[cut:])

    def without(self, one: bytes) -> "Hashes":
        """These but for this one."""
        cut = self._place(one) * SIZE
        return Hashes(self.packed[:cut] + self.packed[cut + SIZE :]) if one in self else self

    def _at(self, place: int) -> bytes:
        return self.packed[place * SIZE : (place + 1) * SIZE]

    def _place(self, one: bytes) -> int:
        return bisect_left(range(len(self)), one, key=self._at)
