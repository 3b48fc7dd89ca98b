"""The S3 objects of a COPY, fetched with its credentials."""

import gzip
import json
import zlib
from collections.abc import Collection, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.redshift.copy_command import CopyCommand
from local.redshift.refusals import RedshiftError
from local.servers.s3 import Storage


class Objects:
    """
    The objects that a COPY reads.

    :param storage: the S3 server
    :param roles: ARNs of the roles that the COPY may assume
    :param command: the COPY
    """

    def __init__(self, storage: Storage, roles: Collection[str], command: CopyCommand) -> None:
        self._command = command
        given = command.authorization
        if role := given.get("aws_iam_role"):
            # Authorization parameters, copy-parameters-authorization.html
            if role not in roles:
                raise RedshiftError(
                    f"The requested role {role} is not associated to cluster", "XX000"
                )
            _assume(storage, role)
            keys = {}
        else:
            keys = {name: given[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
            if "token" in given:
                keys["aws_session_token"] = given["token"]
        self._client = storage.client("s3", **keys)

    def all(self) -> Iterator[tuple[str, bytes]]:
        """Yield the URL and content of each object, ordered by name."""
        urls = self._manifest() if "manifest" in self._command.options else self._prefixed()
        for url in urls:
            content = self.fetch(url)
            yield url, _decompressed(url, content) if "gzip" in self._command.options else content

    def fetch(self, url: str) -> bytes:
        """Return the content of an object."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _refused(url, error) from error
        return content

    def _prefixed(self) -> list[str]:
        bucket, _, prefix = self._command.source.removeprefix("s3://").partition("/")
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        except (ClientError, BotoCoreError) as error:
            raise _refused(self._command.source, error) from error
        if not keys:
            raise RedshiftError(f"The specified S3 prefix '{prefix}' does not exist", "XX000")
        return [f"s3://{bucket}/{key}" for key in keys if not key.endswith("/")]

    def _manifest(self) -> list[str]:
        try:
            entries: list[dict[str, Any]] = json.loads(self.fetch(self._command.source))["entries"]
        except (ValueError, KeyError) as error:
            message = f"Manifest file {self._command.source} is invalid"
            raise RedshiftError(message, "XX000") from error
        return [
            entry["url"]
            for entry in entries
            if entry.get("mandatory", False) or self._exists(entry["url"])
        ]

    def _exists(self, url: str) -> bool:
        try:
            self.fetch(url)
        except RedshiftError:
            return False
        return True


def _decompressed(url: str, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise RedshiftError(f"{url} cannot be decompressed: {error}", "XX000") from error


def _assume(storage: Storage, role: str) -> None:
    name = role.rsplit("/", 1)[-1]
    try:
        found = storage.client("iam").get_role(RoleName=name)["Role"]
    except ClientError as error:
        raise RedshiftError(f"User is not authorized to assume IAM Role {role}", "XX000") from error
    if "redshift.amazonaws.com" not in json.dumps(found["AssumeRolePolicyDocument"]):
        raise RedshiftError(f"Redshift is not authorized to assume IAM Role {role}", "XX000")


def _refused(url: str, error: ClientError | BotoCoreError) -> RedshiftError:
    details = error.response["Error"] if isinstance(error, ClientError) else {}
    message = f"S3ServiceException:{details.get('Message', error)},Error {details.get('Code', '')}"
    return RedshiftError(message, "XX000", f"{url}: {message}")
