"""Where templates come from: a folder. Touches its files and nothing else."""

import os
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

Files = Mapping[str, bytes]


class Source(Protocol):
    """Folders of files. What `files` gives stays the same object for as long as nothing in the folder changes."""

    def folders(self) -> Collection[str]: ...

    def files(self, folder: str) -> Files: ...


class Folder:
    """Templates in a folder of this machine. A file is read again when its time or its size has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[dict[str, tuple[int, int]], Files]] = {}
        self._reading = threading.Lock()

    def folders(self) -> Collection[str]:
        """The names of all folders."""
        with os.scandir(self._path) as entries:
            return {entry.name for entry in entries if entry.is_dir()}

    def files(self, folder: str) -> Files:
        """The files of a folder by their names; none where there is no such folder."""
        if folder not in self.folders():  # and so no path
            return {}
        with self._reading:
            with os.scandir(self._path / folder) as entries:
                found = {entry.name: entry.stat() for entry in entries if entry.is_file()}
            stamps = {name: (stat.st_mtime_ns, stat.st_size) for name, stat in sorted(found.items())}
            known = self._known.get(folder)
            if known is None or known[0] != stamps:
                files = {name: (self._path / folder / name).read_bytes() for name in stamps}
                known = self._known[folder] = stamps, files
            return known[1]
