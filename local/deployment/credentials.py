"""The local deployment's secrets: made once, kept in one file that only its owner reads."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

WEB_USER = "admin"


@dataclass(frozen=True)
class Credentials:
    """What Airflow's processes share, and the password of the web UI's local login."""

    fernet_key: str
    api_secret: str
    jwt_secret: str
    web_password: str


def credentials(file: Path) -> Credentials:
    """The credentials kept in a file, made at the first call."""
    if not file.exists():
        write_private(file, json.dumps(asdict(_new_credentials()), indent=2) + "\n")
    return Credentials(**json.loads(file.read_text()))


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:  # noqa: PTH123 - a descriptor is opened: the mode is there from the first byte
        stream.write(text)
    unfinished.replace(file)


def _new_credentials() -> Credentials:
    return Credentials(
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        api_secret=secrets.token_urlsafe(32),
        jwt_secret=secrets.token_urlsafe(64),
        web_password=secrets.token_urlsafe(9),
    )
