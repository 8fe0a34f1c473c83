"""Where templates come from: a folder of this machine. Touches its files and nothing else."""

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

Files = Mapping[str, bytes]
"""What a folder holds, by the names of the files."""

_NONE: Files = {}


class Source(Protocol):
    """Folders of files: one for each template, and `_shared`. Every call may raise TryLater."""

    as_is: bool
    """Whether a new version is taken at once, or only once it has proved good."""

    def folders(self) -> Mapping[str, Collection[str]]:
        """The names of the files in each folder."""

    def files(self, folder: str) -> Files:
        """The files of a folder, the same object for as long as none of them changes; none where there is no folder."""

    def warnings(self) -> list[str]:
        """What somebody should mend although mails go on."""


LOOK_EVERY = 1.0  # seconds, for who sends mails: to list a folder takes as long as a small mail


class Folder:
    """Templates in a folder of this machine. A file is read again when its time or its size has changed.

    `look_every` is for how many seconds a folder is taken for unchanged.
    """

    as_is = True  # whoever edits a file here wants to see what comes of it

    def __init__(self, path: Path, *, look_every: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._look_every = look_every
        self._clock = clock
        self._look_at: dict[str, float] = {}
        self._names: tuple[float, set[str]] = -math.inf, set()  # until when these are taken for all folders
        self._known: dict[str, tuple[dict[str, tuple[int, int]], Files]] = {}
        self._reading = threading.Lock()

    def folders(self) -> Mapping[str, Collection[str]]:
        """The names of the files in each folder."""
        return {name: self._stamps(name).keys() for name in self._listed()}

    def files(self, folder: str) -> Files:
        """The files of a folder by their names."""
        now = self._clock()
        if now < self._look_at.get(folder, now):
            return self._known[folder][1]
        if now >= self._names[0]:
            self._names = now + self._look_every, self._listed()
        if folder not in self._names[1]:  # and so no path
            return _NONE
        with self._reading:
            stamps = self._stamps(folder)
            known = self._known.get(folder)
            if known is None or known[0] != stamps:
                files = {}
                for name in stamps:
                    with contextlib.suppress(FileNotFoundError):
                        files[name] = (self._path / folder / name).read_bytes()
                known = self._known[folder] = stamps, files
            self._look_at[folder] = now + self._look_every
            return known[1]

    def warnings(self) -> list[str]:
        """None: a fault shows where it is used."""
        return []

    def _listed(self) -> set[str]:
        with os.scandir(self._path) as entries:
            return {entry.name for entry in entries if entry.is_dir()}

    def _stamps(self, folder: str) -> dict[str, tuple[int, int]]:
        """When each file was written and how long it is. Files and folders may go meanwhile."""
        stamps = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self._path / folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file():
                        stamps[entry.name] = entry.stat().st_mtime_ns, entry.stat().st_size
        return stamps
