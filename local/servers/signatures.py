"""Verification of AWS request signatures."""

import hmac
import io
import re
from collections.abc import Callable, Iterable
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]+)"
)
REFUSAL = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    b"<Message>The request is not signed with a key of this server.</Message></Error>"
)


class Guard:
    """
    WSGI middleware that accepts only signed requests.

    :param application: the application behind it
    :param secret: returns the secret of an access key id, or None to deny it
    """

    def __init__(self, application: Application, secret: Callable[[str], str | None]) -> None:
        self._application = application
        self._secret = secret

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, or deny it."""
        if self._is_signed(environ):
            return self._application(environ, start_response)
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(REFUSAL)))]
        # Close, or the unread body would be parsed as the next request.
        start_response("403 Forbidden", [*headers, ("Connection", "close")])
        return [REFUSAL]

    def _is_signed(self, environ: Environ) -> bool:
        signed = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        secret = self._secret(signed["key"]) if signed else None
        if not signed or not secret:
            return False
        headers = {name: _header(environ, name) for name in signed["headers"].split(";")}
        request = AWSRequest(
            method=environ["REQUEST_METHOD"],
            url=f"http://{environ.get('HTTP_HOST', '')}{environ['RAW_URI']}",
            headers=headers,
            data=b"" if "x-amz-content-sha256" in headers else _body(environ),
        )
        request.context["timestamp"] = environ.get("HTTP_X_AMZ_DATE", "")
        kind = S3SigV4Auth if signed["service"] == "s3" else SigV4Auth
        auth = kind(Credentials(signed["key"], secret), signed["service"], signed["region"])
        text = auth.string_to_sign(request, auth.canonical_request(request))
        return hmac.compare_digest(auth.signature(text, request), signed["signature"])


def _header(environ: Environ, name: str) -> str:
    key = name.upper().replace("-", "_")
    unprefixed = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
    return str(environ.get(key if unprefixed else f"HTTP_{key}", ""))


def _body(environ: Environ) -> bytes:
    """Read the request's body and rewind it for the application."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body
