"""A source in S3, or in anything that speaks like it."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from sparkify.settings import STORAGE
from sparkify.sources.base import SourceFile

if TYPE_CHECKING:  # imported where it is used: most tasks read nothing
    from obstore.store import S3Store

READERS = 128
"""Objects read at once: S3 answers late, but many."""

SMALL = 1 << 20
"""Bytes of an object that is read in one go."""

MAKING = Lock()
"""Held while a client is made, which all threads that read share."""

NEW_KEY = f"Set a valid login and password in the connection {STORAGE}."

# What an error of S3 says, and what to do about it; what is not here may pass by itself.
LASTING = {
    "NoSuchBucket": "there is no such bucket. Set the variable sparkify_source to one.",
    "InvalidAccessKeyId": f"S3 does not know the access key. {NEW_KEY}",
    "SignatureDoesNotMatch": f"the secret does not belong to the access key. {NEW_KEY}",
    "ExpiredToken": f"the session token has expired. Set a new one in the connection {STORAGE}.",
    "AccessDenied": f"the access key, or role, of the connection {STORAGE} may not. Let it "
    "s3:ListBucket the bucket, s3:GetObject what is in it, and s3:PutObject what is to be written.",
    "PermanentRedirect": f"the bucket is in another region. Name it as region in the extra of the "
    f"connection {STORAGE}.",
}
ALIKE = {
    "403": "AccessDenied",
    "404": "NoSuchBucket",
    "AllAccessDisabled": "AccessDenied",
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "InvalidToken": "ExpiredToken",
    "TokenRefreshRequired": "ExpiredToken",
}


@dataclass(frozen=True)
class BucketSource:
    """
    The objects below a prefix of a bucket, reached by the connection ``sparkify_s3``.

    :param bucket: its name
    :param root: what the keys of all its objects begin with: empty, or up to and with a slash
    """

    bucket: str
    root: str
    readers: int = READERS

    @property
    def url(self) -> str:
        """The place below which the objects are, without a slash at its end."""
        return f"s3://{self.bucket}/{self.root}".rstrip("/")

    def list(self, prefix: str) -> Iterator[SourceFile]:
        """Every object whose name, relative to the root, begins with ``prefix``."""
        for entry in self._entries(prefix):
            # A key that ends in a slash is a folder that somebody made by hand.
            if not entry["Key"].endswith("/"):
                yield self._listed(entry)

    def _entries(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        with _explained(f"s3://{self.bucket} cannot be listed"):
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.root + prefix):
                yield from page.get("Contents", ())

    def open(self, file: SourceFile) -> BinaryIO:
        """The object's bytes."""
        if file.size <= SMALL and (content := self._content(file)) is not None:
            return io.BytesIO(content)
        with _explained(f"{file.url} cannot be read"):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=self.root + file.name)
            except self._client.exceptions.NoSuchKey as error:
                raise FileNotFoundError(
                    errno.ENOENT, os.strerror(errno.ENOENT), file.url
                ) from error
        # Buffered: a read of less than was asked for is then the last one.
        return cast("BinaryIO", io.BufferedReader(_Body(answer["Body"], file.url), 1 << 16))

    def _content(self, file: SourceFile) -> bytes | None:
        """A small object, read with little effort; None where boto3 has to say what is wrong."""
        from obstore.exceptions import BaseError

        try:
            with MAKING:
                store = self._store
            found = store.get(self.root + file.name)
            same = (found.meta["e_tag"] or "").strip('"') == file.etag
            return bytes(found.bytes()) if same else None
        except (BaseError, ValueError, BotoCoreError, ClientError):
            return None

    def write(self, name: str, content: bytes, content_type: str = "application/json") -> None:
        """Put an object, such as a manifest for COPY; S3 shows it whole or not at all."""
        with _explained(f"s3://{self.bucket}/{self.root}{name} cannot be written"):
            self._client.put_object(
                Bucket=self.bucket, Key=self.root + name, Body=content, ContentType=content_type
            )

    def written_at(self, name: str) -> datetime | None:
        """The moment at which an object was written, if it is there."""
        found = (file for file in self._entries(name) if file["Key"] == self.root + name)
        return next((file["LastModified"] for file in found), None)

    def _listed(self, entry: dict[str, Any]) -> SourceFile:
        key: str = entry["Key"]
        url = f"s3://{self.bucket}/{key}"
        return SourceFile(key[len(self.root) :], url, entry["Size"], entry["ETag"].strip('"'))

    @cached_property
    def _store(self) -> "S3Store":
        """The same bucket, by a client that needs a seventh of boto3's time for an object."""
        from obstore.store import S3Store

        reached = self._client.meta
        known = self._hook.get_session().get_credentials()
        asks_openly = not known or reached.config.signature_version is UNSIGNED
        return S3Store(
            self.bucket,
            endpoint=reached.endpoint_url,
            region=reached.region_name,
            client_options={"allow_http": True},
            retry_config={"max_retries": 2},
            **({"skip_signature": True} if asks_openly else _key(known)),
        )

    @cached_property
    def _client(self) -> BaseClient:
        # What the connection says of the client stays, such as how an S3 server is addressed.
        return self._hook.get_client_type(
            config=self._hook.config.merge(Config(max_pool_connections=self.readers))
        )

    @cached_property
    def _hook(self) -> S3Hook:
        said = S3Hook(aws_conn_id=STORAGE).conn_config
        # The provider's COPY reads region, its hooks region_name: here one of them does.
        region = said.region_name or said.extra_config.get("region")
        return S3Hook(aws_conn_id=STORAGE, region_name=region)


def _key(credentials: Credentials) -> dict[str, Any]:
    """The access key as it is now, a session's token included, by obstore's names."""
    key = credentials.get_frozen_credentials()
    named = {
        "access_key_id": key.access_key,
        "secret_access_key": key.secret_key,
        "session_token": key.token,
    }
    return {name: value for name, value in named.items() if value}


class _Body(io.RawIOBase):
    """An object's content on its way; when it breaks off, the task is tried again."""

    def __init__(self, body: Any, url: str) -> None:
        self._body = body
        self._url = url

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _explained(f"{self._url} was not read to its end"):
            piece = self._body.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Say what an error of S3 means; one that may pass by itself is worth another try."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if lasting := LASTING.get(ALIKE.get(code, code)):
            raise AirflowFailException(f"{what}: {lasting} ({code})") from error
        raise AirflowException(f"{what}: {error}") from error
    except NoCredentialsError as error:
        raise AirflowFailException(f"{what}: there is no access key. {NEW_KEY}") from error
    except BotoCoreError as error:
        raise AirflowException(f"{what}: {error}. The task is tried again.") from error
