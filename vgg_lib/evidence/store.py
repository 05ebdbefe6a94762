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
from vgg_lib.basics.folders import way_out
from vgg_lib.evidence.records import Record
from vgg_lib.training.runs import Run

#: What is known of each run, by its key.
Known = Mapping[str, Record]


class Store:
    """A file of records, one JSON line each; several processes may add to it at once.

    A last line without an end is one that is being written, or was when the power went: it is not a record yet, or
    never became one, and the next :meth:`add` replaces it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __iter__(self) -> Iterator[Record]:
        """All records in the order they came. Raises :class:`InputError` naming the line that is not one."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
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
        """What is known of each run, by its key: the last record of its training, with all tests of its weights."""
        known: dict[str, Record] = {}
        for record in self:
            before = known.get(record.key)
            if before is None or _replaces(record, before):
                known[record.key] = record
            elif record.of_tests_alone:
                known[record.key] = before.with_tests(record)
            else:
                known[record.key] = record.with_tests(before)
        return known

    def find(self, run: Run) -> Record | None:
        """What is known of that run, or ``None``."""
        return self.latest().get(run.key)

    def add(self, record: Record) -> None:
        """Append a record in one write, on disk when this returns.

        Raises :class:`InputError`, with the records as they were, when the disk is full or the file cannot be written.
        """
        line = record.to_line().encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.lock")), self.path.open("ab+", buffering=0) as file:
                end = _end_of_last_line(file)
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


def _end_of_last_line(file: BinaryIO | FileIO) -> int:
    """Where the last whole line ends, in bytes from the start."""
    end = file.seek(0, os.SEEK_END)
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
    return not record.of_tests_alone or (bool(record.data and before.data) and record.data != before.data)
