"""The local deployment's secrets: created once, in one file that only its owner can read."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

WEB_USER = "admin"


@dataclass(frozen=True)
class Credentials:
    """The secrets that Airflow's processes share, and the web UI's password."""

    fernet_key: str
    api_secret: str
    jwt_secret: str
    web_password: str


def credentials(file: Path) -> Credentials:
    """Return the credentials in a file; the first call creates them."""
    if not file.exists():
        write_private(file, json.dumps(asdict(_new_credentials()), indent=2) + "\n")
    return Credentials(**json.loads(file.read_text()))


def reader_password(file: Path) -> str:
    """Return the password in a file, for BI tools; the first call creates it."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(24) + "\n")
    return file.read_text().strip()


def write_private(file: Path, text: str) -> None:
    """Write a file atomically that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:  # noqa: PTH123 - os.open sets the mode at creation
        stream.write(text)
    unfinished.replace(file)


def _new_credentials() -> Credentials:
    return Credentials(
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        api_secret=secrets.token_urlsafe(32),
        jwt_secret=secrets.token_urlsafe(64),
        web_password=secrets.token_urlsafe(9),
    )
