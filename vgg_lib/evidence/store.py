"""Where records are kept: a file, one line of JSON each; several processes may add to it at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.resources import files
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.basics.files import check_writing
from vgg_lib.basics.folders import expanded, way_out
from vgg_lib.evidence.records import Record
from vgg_lib.training.runs import Run

#: What is known of each run, by its key.
Known = Mapping[str, Record]

#: What the line of a record begins with, today and in the first ones.
_BEGINNINGS = (b'{"key"', b'{"run"')


class Store:
    """A file of records, one JSON line each; several processes may add to it at once.

    A last line without an end is one that is being written, or was when the power went: it is not a record yet, or
    never became one, and the next :meth:`add` replaces it. Raises :class:`InputError` for a path that names no file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = expanded(path)
        if not self.path.name:
            raise InputError(f"{self.path} is a folder: name a file of records in it")

    def __iter__(self) -> Iterator[Record]:
        """All records in the order they came; none where there is no file.

        Raises :class:`InputError` naming the line that is not one, or where the file cannot be read.
        """
        try:
            opened = self.path.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError) as error:  # the latter for a path with a null in it
            raise InputError(f"{self.path} cannot be read ({error}): name a file of records") from error
        with opened as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    record = Record.from_line(line.decode())
                except Exception as error:  # whatever a line that is no record leads to
                    raise InputError(
                        f"{self.path}, line {number}, is not a record ({error}): remove that line"
                    ) from error
                yield record

    def latest(self) -> dict[str, Record]:
        """What is known of each run, by its key: the last record of its training, with all tests of its weights.

        Tests that are older than the training add what it was not tested or measured on, and replace nothing.
        """
        known: dict[str, Record] = {}
        for record in self:
            before = known.get(record.key)
            if before is None or _replaces(record, before):
                known[record.key] = record
            elif record.of_tests_alone:
                known[record.key] = before.with_tests(record)
            else:  # whatever was said before of the weights, the training's own word counts
                known[record.key] = record.with_tests(before).with_tests(record)
        return known

    def find(self, run: Run) -> Record | None:
        """What is known of that run, or ``None``."""
        return self.latest().get(run.key)

    def add(self, record: Record) -> None:
        """Append a record in one write, on disk when this returns.

        Raises :class:`InputError`, with the file as it was, when the disk is full, or the file cannot be written or
        does not end in a record.
        """
        line = record.to_line().encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.lock")), self.path.open("ab+", buffering=0) as file:
                end = self._end(file)
                file.truncate(end)
                try:
                    if file.write(line) != len(line):
                        raise OSError("only a part of the record fitted")
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)
                    if not end:
                        self.path.unlink()
                    raise
        except OSError as error:
            raise InputError(f"cannot add a record to {self.path} ({error}): {way_out(self.path)}") from error

    def check(self) -> None:
        """Raise what :meth:`add` would, as far as it can be told beforehand: for a start of what makes a record."""
        try:
            with self.path.open("rb+") as file:
                self._end(file)
        except (FileNotFoundError, NotADirectoryError):
            check_writing(self.path)
        except OSError as error:
            raise InputError(f"cannot add a record to {self.path} ({error}): name a file of records") from error

    def _end(self, file: BinaryIO | FileIO) -> int:
        """Where the last whole record ends, in bytes from the start.

        What stands behind it, and is replaced, must be the beginning of a record: the file may be anything.
        """
        end = _end_of_line(file, file.seek(0, os.SEEK_END))
        for start in {end, _end_of_line(file, max(0, end - 1))}:
            file.seek(start)
            found = file.read(65536).strip(b"\0")[: len(_BEGINNINGS[0])]  # zeros are what a power cut may leave
            if not any(found.startswith(b) or b.startswith(found) for b in _BEGINNINGS):
                raise InputError(f"{self.path} does not end in a record: name another file, or remove its last line")
        return end


def _end_of_line(file: BinaryIO | FileIO, end: int) -> int:
    """Where the last whole line of the first ``end`` bytes ends, in bytes from the start."""
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def studies_with_records() -> list[str]:
    """The studies whose records come with the library, in alphabetical order."""
    return sorted(path.stem for path in _records().glob("*.jsonl"))


def recorded(name: str = "first") -> Store:
    """The records that come with the library, by the name of their study.

    Raises :class:`InputError` for a name that has none.
    """
    check_choice("study with records", name, studies_with_records())
    return Store(_records() / f"{name}.jsonl")


def _records() -> Path:
    return Path(str(files("vgg_lib") / "records"))


def _replaces(record: Record, before: Record) -> bool:
    """Whether a record of a run takes the place of an older one rather than joining it.

    A training does that to a training; tests without a training do it to tests of other photographs.
    """
    if record.of_tests_alone != before.of_tests_alone:
        return False
    return not record.of_tests_alone or any(before.data.get(name, told) != told for name, told in record.data.items())
