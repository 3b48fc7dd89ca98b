"""A source in S3, or in storage with its API."""

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
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
)

from sparkify.settings import STORAGE
from sparkify.sources.base import SourceFile

if TYPE_CHECKING:  # imported where it is used, because most tasks read no files
    from obstore.store import S3Store

READERS = 128
"""Objects read at once, since S3 responds slowly to each request but serves many."""

SMALL = 1 << 20
"""The largest object, in bytes, that is read with one call."""

CLIENT_LOCK = Lock()
"""Held while the client that all reading threads share is created."""

NEW_KEY = f"Set a valid login and password in the connection {STORAGE}."

# What a permanent error of S3 means and how to fix it; any other may be transient.
PERMANENT = {
    "NoSuchBucket": "the bucket does not exist. Set the variable sparkify_source to one that does.",
    "InvalidAccessKeyId": f"S3 does not know the access key. {NEW_KEY}",
    "SignatureDoesNotMatch": f"the secret does not belong to the access key. {NEW_KEY}",
    "ExpiredToken": f"the session token has expired. Set a new one in the connection {STORAGE}.",
    "AccessDenied": f"the access key or role of the connection {STORAGE} is not allowed to. Grant "
    "it s3:ListBucket on the bucket, s3:GetObject on its objects, and s3:PutObject on those that "
    "are written.",
    "PermanentRedirect": f"the bucket is in another region. Set it as region in the extra of the "
    f"connection {STORAGE}.",
}
ALIASES = {
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
    The objects under a prefix of a bucket, accessed through the connection ``sparkify_s3``.

    :param bucket: name of the bucket
    :param root: prefix of the keys of all objects: empty, or ending in a slash
    """

    bucket: str
    root: str
    readers: int = READERS

    @property
    def url(self) -> str:
        """The bucket and prefix, without a trailing slash."""
        return f"s3://{self.bucket}/{self.root}".rstrip("/")

    def list(self, prefix: str) -> Iterator[SourceFile]:
        """Yield every object whose name, relative to the root, begins with ``prefix``."""
        for entry in self._entries(prefix):
            # A key that ends in a slash is a folder created in the console.
            if not entry["Key"].endswith("/"):
                yield self._source_file(entry)

    def _entries(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        with _explain_errors(f"s3://{self.bucket} cannot be listed"):
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.root + prefix):
                yield from page.get("Contents", ())

    def open(self, file: SourceFile) -> BinaryIO:
        """Open an object."""
        if file.size <= SMALL and (content := self._content(file)) is not None:
            return io.BytesIO(content)
        with _explain_errors(f"{file.url} cannot be read"):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=self.root + file.name)
            # By its code: the client's exception classes are not always those that it raises.
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
                raise FileNotFoundError(
                    errno.ENOENT, os.strerror(errno.ENOENT), file.url
                ) from error
        # Buffered, so that only the last read returns less than asked for.
        return cast("BinaryIO", io.BufferedReader(_Body(answer["Body"], file.url), 1 << 16))

    def end(self, file: SourceFile, size: int) -> bytes:
        """Read the last bytes of an object, at most this many."""
        with _explain_errors(f"{file.url} cannot be read"):
            answer = self._client.get_object(
                Bucket=self.bucket, Key=self.root + file.name, Range=f"bytes=-{size}"
            )
            return bytes(answer["Body"].read())

    def _content(self, file: SourceFile) -> bytes | None:
        """Read a small object with the fast client; return None to leave errors to boto3."""
        from obstore.exceptions import BaseError

        try:
            with CLIENT_LOCK:
                store = self._store
            found = store.get(self.root + file.name)
            same = (found.meta["e_tag"] or "").strip('"') == file.etag
            return bytes(found.bytes()) if same else None
        except (BaseError, ValueError, BotoCoreError, ClientError):
            return None

    def write(self, name: str, content: bytes, content_type: str = "application/json") -> None:
        """Write an object, such as a manifest for COPY, atomically."""
        with _explain_errors(f"s3://{self.bucket}/{self.root}{name} cannot be written"):
            self._client.put_object(
                Bucket=self.bucket, Key=self.root + name, Body=content, ContentType=content_type
            )

    def delete(self, name: str) -> None:
        """Delete an object."""
        with _explain_errors(f"s3://{self.bucket}/{self.root}{name} cannot be deleted"):
            self._client.delete_object(Bucket=self.bucket, Key=self.root + name)

    def written_at(self, name: str) -> datetime | None:
        """Return when an object was written, or None if it does not exist."""
        found = (file for file in self._entries(name) if file["Key"] == self.root + name)
        return next((file["LastModified"] for file in found), None)

    def _source_file(self, entry: dict[str, Any]) -> SourceFile:
        key: str = entry["Key"]
        url = f"s3://{self.bucket}/{key}"
        return SourceFile(key[len(self.root) :], url, entry["Size"], entry["ETag"].strip('"'))

    @cached_property
    def _store(self) -> "S3Store":
        """The same bucket through a client that needs a seventh of boto3's time per object."""
        from obstore.store import S3Store

        client = self._client.meta
        credentials = self._hook.get_session().get_credentials()
        is_anonymous = not credentials or client.config.signature_version is UNSIGNED
        return S3Store(
            self.bucket,
            endpoint=client.endpoint_url,
            region=client.region_name,
            client_options={"allow_http": True},
            retry_config={"max_retries": 2},
            **({"skip_signature": True} if is_anonymous else _key(credentials)),
        )

    @cached_property
    def _client(self) -> BaseClient:
        # Keeps the connection's own client settings, such as how an S3 server is addressed.
        return self._hook.get_client_type(
            config=self._hook.config.merge(Config(max_pool_connections=self.readers))
        )

    @cached_property
    def _hook(self) -> S3Hook:
        config = S3Hook(aws_conn_id=STORAGE).conn_config
        # The provider's COPY reads region, its hooks region_name: accept either.
        region = config.region_name or config.extra_config.get("region")
        return S3Hook(aws_conn_id=STORAGE, region_name=region)


def _key(credentials: Credentials) -> dict[str, Any]:
    """Return the current access key, including any session token, under obstore's names."""
    key = credentials.get_frozen_credentials()
    named = {
        "access_key_id": key.access_key,
        "secret_access_key": key.secret_key,
        "session_token": key.token,
    }
    return {name: value for name, value in named.items() if value}


class _Body(io.RawIOBase):
    """The body of a response; if it breaks off, Airflow retries the task."""

    def __init__(self, body: Any, url: str) -> None:
        self._body = body
        self._url = url

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _explain_errors(f"{self._url} was not read to its end"):
            piece = self._body.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


@contextmanager
def _explain_errors(what: str) -> Iterator[None]:
    """Translate the errors of S3: fail for permanent ones, let Airflow retry the others."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if lasting := PERMANENT.get(ALIASES.get(code, code)):
            raise AirflowFailException(f"{what}: {lasting} ({code})") from error
        raise AirflowException(f"{what}: {error}") from error
    except NoCredentialsError as error:
        raise AirflowFailException(f"{what}: there is no access key. {NEW_KEY}") from error
    except ParamValidationError as error:
        raise AirflowFailException(
            f"{what}: this is no valid name of a bucket. Correct the variable sparkify_source."
        ) from error
    except BotoCoreError as error:
        raise AirflowException(f"{what}: {error}. Airflow retries the task.") from error
