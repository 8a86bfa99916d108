"""A disk that loses power: the trace of a run, replayed without what was not yet synced.

The model is the strictest that POSIX allows: bytes survive once their file is synced, names once
their folder is. In the second model all names survive at once and bytes still have to be synced,
as on file systems that log names eagerly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
_UNFINISHED = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?')


@dataclass(slots=True, eq=False)
class _File:
    live: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


@dataclass(slots=True, eq=False)
class _Folder:
    live: dict[str, _File | _Folder] = field(default_factory=dict)
    synced: dict[str, _File | _Folder] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    node: _File | _Folder
    offset: int = 0
    append: bool = False


class Disk:
    """Follows the system calls of one process inside ``root``."""

    def __init__(self, root: Path) -> None:
        self._prefix = f"{root}/"
        self.top = _Folder()
        self._open: dict[int, _Open] = {}

    def replay(self, trace: Path) -> Iterator[str]:
        """Apply one call after the other; gives the name of each that changed something."""
        for call, arguments, result in _calls(trace):
            handler = getattr(self, f"_{call}", None)
            if handler is not None and result >= 0 and handler(arguments, result):
                yield call

    def write_to(self, folder: Path, *, names_survive: bool) -> None:
        """Write what is left after a power loss at this point."""
        _write(self.top, folder, names_survive=names_survive)

    def _split(self, path: str) -> tuple[_Folder, str] | None:
        if not path.startswith(self._prefix):
            return None
        *above, name = path[len(self._prefix) :].split("/")
        folder = self.top
        for part in above:
            below = folder.live.get(part)
            if not isinstance(below, _Folder):
                return None
            folder = below
        return folder, name

    def _openat(self, arguments: str, result: int) -> bool:
        self._open.pop(result, None)
        path = _path(arguments)
        if path + "/" == self._prefix:
            self._open[result] = _Open(self.top)
            return False
        place = self._split(path)
        if place is None:
            return False
        folder, name = place
        node = folder.live.get(name)
        created = node is None
        if node is None:
            node = folder.live[name] = _File()
        if "O_TRUNC" in arguments and isinstance(node, _File):
            node.live.clear()
        self._open[result] = _Open(node, append="O_APPEND" in arguments)
        return created

    def _close(self, arguments: str, result: int) -> bool:
        self._open.pop(int(arguments.split("<", maxsplit=1)[0]), None)
        return False

    def _lseek(self, arguments: str, result: int) -> bool:
        if entry := self._open.get(_number(arguments)):
            entry.offset = result
        return False

    def _write(self, arguments: str, result: int) -> bool:
        entry = self._open.get(_number(arguments))
        if entry is None or not isinstance(entry.node, _File):
            return False
        at = len(entry.node.live) if entry.append else entry.offset
        _put(entry.node.live, at, _bytes(arguments)[:result])
        entry.offset = at + result
        return True

    def _pwrite64(self, arguments: str, result: int) -> bool:
        entry = self._open.get(_number(arguments))
        if entry is None or not isinstance(entry.node, _File):
            return False
        _put(entry.node.live, int(arguments.rsplit(",", 1)[1]), _bytes(arguments)[:result])
        return True

    def _ftruncate(self, arguments: str, result: int) -> bool:
        entry = self._open.get(_number(arguments))
        if entry is None or not isinstance(entry.node, _File):
            return False
        size = int(arguments.rsplit(",", 1)[1])
        entry.node.live[:] = entry.node.live[:size].ljust(size, b"\0")
        return True

    def _fsync(self, arguments: str, result: int) -> bool:
        entry = self._open.get(_number(arguments))
        if entry is None:
            return False
        if isinstance(entry.node, _File):
            entry.node.synced = bytes(entry.node.live)
        else:
            entry.node.synced = dict(entry.node.live)
        return True

    _fdatasync = _fsync

    def _mkdir(self, arguments: str, result: int) -> bool:
        place = self._split(_path(arguments))
        if place is not None:
            place[0].live[place[1]] = _Folder()
        return place is not None

    def _rename(self, arguments: str, result: int) -> bool:
        before, after = (_decoded(t) for t in _TEXT.findall(arguments)[:2])
        source, target = self._split(before.decode()), self._split(after.decode())
        if source is None or target is None:
            return False
        target[0].live[target[1]] = source[0].live.pop(source[1])
        return True

    def _unlink(self, arguments: str, result: int) -> bool:
        place = self._split(_path(arguments))
        return place is not None and place[0].live.pop(place[1], None) is not None

    _rmdir = _unlink

    def _unlinkat(self, arguments: str, result: int) -> bool:
        path = _path(arguments)
        entry = self._open.get(_number(arguments)) if not path.startswith("/") else None
        if entry is not None and isinstance(entry.node, _Folder):
            return entry.node.live.pop(path, None) is not None
        return self._unlink(arguments, result)


def _write(folder: _Folder, path: Path, *, names_survive: bool) -> None:
    path.mkdir(exist_ok=True)
    for name, node in (folder.live if names_survive else folder.synced).items():
        # the index of SQLite's log is shared memory; it is made anew after a restart
        if name.endswith("-shm"):
            continue
        if isinstance(node, _File):
            (path / name).write_bytes(node.synced)
        else:
            _write(node, path / name, names_survive=names_survive)


def _calls(trace: Path) -> Iterator[tuple[str, str, int]]:
    begun: dict[str, str] = {}
    with trace.open(encoding="latin-1") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if match := _CALL.match(line):
                yield match[2], match[3], int(match[4])
            elif match := _UNFINISHED.match(line):
                begun[match[1]] = match[3]
                if match[2] == "close":
                    # its number may be given out again before the call is seen to return
                    yield "close", match[3], 0
            elif (match := _RESUMED.match(line)) and match[2] != "close":
                yield match[2], begun.pop(match[1], "") + match[3], int(match[4])


def _number(arguments: str) -> int:
    return int(re.match(r"-?\d+", arguments)[0]) if arguments[:1].isdigit() else -1  # type: ignore[index]


def _path(arguments: str) -> str:
    found = _TEXT.search(arguments)
    return _decoded(found[1]).decode() if found else ""


def _bytes(arguments: str) -> bytes:
    found = _TEXT.search(arguments)
    return _decoded(found[1]) if found else b""


def _decoded(text: str) -> bytes:
    """``strace -xx`` writes every byte as ``\\xNN``."""
    return bytes.fromhex(text.replace("\\x", ""))


def _put(content: bytearray, at: int, new: bytes) -> None:
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(new)] = new
