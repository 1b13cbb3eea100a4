"""How HTTP/1.1 answers are delimited (RFC 9112, sections 6 and 7): by length, in chunks, or by the connection's end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Final

LINE_LIMIT: Final = 1 << 16


def header(lines: bytes, name: bytes) -> bytes | None:
    """The value of a header in a lower-case head, or None. ``name`` is ``\\r\\n<name>:``."""
    at = lines.find(name)
    if at < 0:
        return None
    at += len(name)
    end = lines.find(b"\r\n", at)
    return (lines[at:end] if end >= 0 else lines[at:]).strip()


def body_of(code: int, lines: bytes) -> Body:
    """What takes in the body of an answer with that code and that lower-case head. Raises ValueError."""
    connection = header(lines, b"\r\nconnection:")
    reusable = lines.startswith(b"http/1.1") and (connection is None or b"close" not in connection)
    if code in (204, 304):
        return _Sized(0, reusable=reusable)
    coding = header(lines, b"\r\ntransfer-encoding:")
    if coding is not None:
        if coding != b"chunked":
            raise ValueError(f"transfer coding {coding!r}")
        return _Chunked(reusable=reusable)
    length = header(lines, b"\r\ncontent-length:")
    if length is not None:
        return _Sized(int(length), reusable=reusable)
    return _UntilClose()


class Body(ABC):
    """Takes the body out of what is received."""

    until_close = False

    def __init__(self, *, reusable: bool) -> None:
        self.done = False
        self.reusable = reusable

    @abstractmethod
    def feed(self, data: bytes, pieces: deque[bytes]) -> None:
        """Append to ``pieces`` what belongs to the body; sets ``done`` at its end. Raises ValueError."""


class _Sized(Body):
    def __init__(self, length: int, *, reusable: bool) -> None:
        super().__init__(reusable=reusable)
        if length < 0:
            raise ValueError(f"a length of {length}")
        self._left = length

    def feed(self, data: bytes, pieces: deque[bytes]) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("more than was announced")
        if data:
            pieces.append(data)
        self.done = self._left == 0


class _UntilClose(Body):
    until_close = True

    def __init__(self) -> None:
        super().__init__(reusable=False)

    def feed(self, data: bytes, pieces: deque[bytes]) -> None:
        if data:
            pieces.append(data)


class _Chunked(Body):
    """Chunks come and go in pieces of any size: what has arrived of a chunk is passed on at once."""

    def __init__(self, *, reusable: bool) -> None:
        super().__init__(reusable=reusable)
        self._left = 0  # bytes of the current chunk still to come
        self._after_chunk = False  # the CR LF that ends a chunk is due
        self._in_trailers = False
        self._rest = b""

    def feed(self, data: bytes, pieces: deque[bytes]) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, size = 0, len(data)
        while at < size:
            if self._left:
                end = min(at + self._left, size)
                pieces.append(data[at:end])
                self._left -= end - at
                self._after_chunk = not self._left
                at = end
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if size - at > LINE_LIMIT:
                    raise ValueError("a chunk's size does not end")
                self._rest = data[at:]
                return
            self._line(data[at:end])
            at = end + 2
            if self.done:
                break
        if at < size:
            raise ValueError("more than was announced")

    def _line(self, line: bytes) -> None:
        """The end of a chunk, the size of the next one, or a trailer."""
        if self._after_chunk:
            if line:
                raise ValueError("a chunk is longer than it says")
            self._after_chunk = False
        elif self._in_trailers:
            self.done = not line
        else:
            self._left = int(line.partition(b";")[0], 16)
            if self._left < 0:
                raise ValueError("a chunk of negative size")
            self._in_trailers = not self._left
