"""PostgreSQL's wire protocol, which Redshift uses, too."""

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

SSL_REQUEST = 80877103
STATUS_IDLE, STATUS_IN_TRANSACTION, STATUS_FAILED = b"I", b"T", b"E"


class Message(NamedTuple):
    """A message: its type byte and its body."""

    kind: bytes
    body: bytes

    @property
    def encoded(self) -> bytes:
        """The message as sent."""
        return self.kind + struct.pack("!I", len(self.body) + 4) + self.body


class EndOfStream(Exception):  # noqa: N818 - a normal disconnect
    """The other side has closed the connection."""


class Stream:
    """
    A connection to a client or a server.

    :param connection: the socket
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")

    def read(self) -> Message:
        """Read the next message."""
        kind = self._exactly(1)
        [length] = struct.unpack("!I", self._exactly(4))
        return Message(kind, self._exactly(length - 4))

    def read_startup(self) -> dict[str, str]:
        """Read the parameters of the startup message, which has no type byte; decline TLS."""
        while True:
            length, code = struct.unpack("!II", self._exactly(8))
            if code != SSL_REQUEST:
                break
            self._socket.sendall(b"N")
        texts = [text.decode() for text in self._exactly(length - 8).split(b"\0")]
        return dict(zip(texts[::2], texts[1::2], strict=False))

    def write(self, *messages: Message) -> None:
        """Send messages."""
        self._socket.sendall(b"".join(message.encoded for message in messages))

    def write_startup(self, parameters: dict[str, str]) -> None:
        """Send the startup message."""
        texts = b"".join(text.encode() + b"\0" for pair in parameters.items() for text in pair)
        body = struct.pack("!I", 3 << 16) + texts + b"\0"
        self._socket.sendall(struct.pack("!I", len(body) + 4) + body)

    def read_until(self, *kinds: bytes) -> Iterator[Message]:
        """Yield the messages up to and including the first of these types."""
        while True:
            message = self.read()
            yield message
            if message.kind in kinds:
                return

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        content = self._file.read(size)
        if len(content) < size:
            raise EndOfStream
        return content


def texts(body: bytes, count: int) -> list[str]:
    """Return the first NUL-terminated strings of a message."""
    return [text.decode() for text in body.split(b"\0", count)[:count]]


def query(sql: str) -> Message:
    """Return a statement without parameters."""
    return Message(b"Q", sql.encode() + b"\0")


def command_complete(tag: str) -> Message:
    """Return the message that ends a successful statement."""
    return Message(b"C", tag.encode() + b"\0")


def ready(status: bytes) -> Message:
    """Return the message that the server is ready for the next statement."""
    return Message(b"Z", status)


def parameter_status(name: str, value: str) -> Message:
    """Return a parameter of the server."""
    return Message(b"S", f"{name}\0{value}\0".encode())


def error(fields: dict[str, str]) -> Message:
    """Return an error, given its fields: M is the message, C the code, D the detail."""
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items())
    return Message(b"E", body + b"\0")


def notice(text: str) -> Message:
    """Return an informational message."""
    return Message(b"N", error({"S": "INFO", "C": "00000", "M": text}).body)


def error_fields(message: Message) -> dict[str, str]:
    """Return the fields of an error."""
    parts = message.body.rstrip(b"\0").split(b"\0")
    return {part[:1].decode(): part[1:].decode() for part in parts}


def columns(message: Message) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the encoded type of each column of a row description."""
    position = 2
    for _ in range(int.from_bytes(message.body[:2], "big")):
        end = message.body.index(b"\0", position)
        # After the name, six bytes identify the table's column and ten the type.
        yield message.body[position:end].decode(), message.body[end + 7 : end + 17]
        position = end + 19


PARSE_COMPLETE = Message(b"1", b"")
BIND_COMPLETE = Message(b"2", b"")
NO_PARAMETERS = Message(b"t", struct.pack("!H", 0))
NO_DATA = Message(b"n", b"")
PASSWORD_REQUEST = Message(b"R", struct.pack("!I", 3))
SYNC = Message(b"S", b"")
COPY_DONE = Message(b"c", b"")
