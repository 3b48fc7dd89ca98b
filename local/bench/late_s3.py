"""A folder as a bucket whose answers are late: ``python -m local.bench.late_s3 FOLDER MS FILE``."""

import asyncio
import re
import sys
from bisect import bisect_left, bisect_right
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "late"
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


class LateBucket:
    """Objects in memory, listed and read as S3 does; whoever asks may read."""

    def __init__(self, folder: Path) -> None:
        files = (file for file in folder.rglob("*") if file.is_file())
        self.objects = {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
        self.keys = sorted(self.objects)

    def answer(self, target: str) -> bytes:
        """What follows a GET."""
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
        there = [
            key for key in islice(self.keys, first, first + PAGE + 1) if key.startswith(prefix)
        ]
        page, more = there[:PAGE], len(there) > PAGE
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


class Talk(asyncio.Protocol):
    """One connection, which is kept; every answer takes as long as it would from afar."""

    def __init__(self, bucket: LateBucket, late: float) -> None:
        self._bucket = bucket
        self._late = late
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            head, _, self._asked = self._asked.partition(b"\r\n\r\n")
            if not (found := TARGET.match(head + b"\r\n")):
                self._transport.close()
                return
            answer = self._bucket.answer(found[1].decode())
            asyncio.get_running_loop().call_later(self._late, self._answer, answer)

    def _answer(self, answer: bytes) -> None:
        if isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.write(answer)


def _http(status: str, body: bytes, kind: str, *more: str) -> bytes:
    head = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *more)
    last = "Last-Modified: Thu, 01 Nov 2018 00:00:00 GMT"
    return "\r\n".join([*head, last, "", ""]).encode() + body


async def serve(folder: Path, late: float, port_file: Path) -> None:
    """Serve until killed; the port is in the file once it can be asked."""
    bucket = LateBucket(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Talk(bucket, late), "127.0.0.1", 0, backlog=1000)
    unfinished = port_file.with_suffix(".unfinished")
    unfinished.write_text(str(server.sockets[0].getsockname()[1]))
    unfinished.rename(port_file)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]) / 1000, Path(sys.argv[3])))
