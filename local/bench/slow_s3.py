"""An S3 server with added latency: ``python -m local.bench.slow_s3 FOLDER MS FILE``."""

import asyncio
import re
import sys
from bisect import bisect_left, bisect_right
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "slow"
PAGE = 1000

ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2018-11-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;{etag:x}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass>"
    "</Contents>"
)
LISTING = (
    '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>{bucket}</Name><Prefix>{prefix}</Prefix><MaxKeys>1000</MaxKeys>"
    "<KeyCount>{count}</KeyCount><IsTruncated>{more}</IsTruncated>{token}{entries}"
    "</ListBucketResult>"
)


class SlowBucket:
    """Objects in memory, listed and served like S3's, without authentication."""

    def __init__(self, folder: Path) -> None:
        files = (file for file in folder.rglob("*") if file.is_file())
        self.objects = {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
        self.keys = sorted(self.objects)

    def response(self, target: str) -> bytes:
        """Return the response to a GET."""
        parts = urlsplit(target)
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        if not key:
            return _http("200 OK", self._listing(parse_qs(parts.query)), "application/xml")
        if key not in self.objects:
            return _http("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>", "text/xml")
        content = self.objects[key]
        return _http("200 OK", content, "binary/octet-stream", f'ETag: "{hash(content) & MASK:x}"')

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", [""])[0]
        first = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after))
        found = [
            key for key in islice(self.keys, first, first + PAGE + 1) if key.startswith(prefix)
        ]
        page, more = found[:PAGE], len(found) > PAGE
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        entries = (
            ENTRY.format(
                key=escape(key),
                etag=hash(self.objects[key]) & MASK,
                size=len(self.objects[key]),
            )
            for key in page
        )
        return LISTING.format(
            bucket=BUCKET,
            prefix=escape(prefix),
            count=len(page),
            more=str(more).lower(),
            token=token,
            entries="".join(entries),
        ).encode()


MASK = 2**64 - 1
TARGET = re.compile(rb"GET (\S+) HTTP/1\.1\r\n")


class Connection(asyncio.Protocol):
    """A kept-alive connection on which every response is delayed."""

    def __init__(self, bucket: SlowBucket, latency: float) -> None:
        self._bucket = bucket
        self._latency = latency
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for responses."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Respond to every complete request."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not (found := TARGET.match(head + b"\r\n")):
                self._transport.close()
                return
            response = self._bucket.response(found[1].decode())
            asyncio.get_running_loop().call_later(self._latency, self._respond, response)

    def _respond(self, response: bytes) -> None:
        if isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.write(response)


def _http(status: str, body: bytes, kind: str, *more: str) -> bytes:
    head = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *more)
    last = "Last-Modified: Thu, 01 Nov 2018 00:00:00 GMT"
    return "\r\n".join([*head, last, "", ""]).encode() + body


async def serve(folder: Path, latency: float, port_file: Path) -> None:
    """Serve until killed; write the port to a file once the server is ready."""
    bucket = SlowBucket(folder)
    loop = asyncio.get_running_loop()
    connect = partial(Connection, bucket, latency)
    server = await loop.create_server(connect, "127.0.0.1", 0, backlog=1000)
    unfinished = port_file.with_suffix(".unfinished")
    unfinished.write_text(str(server.sockets[0].getsockname()[1]))
    unfinished.rename(port_file)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]) / 1000, Path(sys.argv[3])))
