"""COPY … FROM 's3://…' JSON, read strictly: what is not understood is refused."""

import re
from dataclasses import dataclass, field

from local.redshift.refusals import Refused

HEAD = re.compile(
    r"\s*copy\s+(?:public\.)?(?P<table>\w+)\s*(?:\((?P<columns>[\w\s,]+)\))?"
    r"\s*from\s+'(?P<source>[^']+)'\s*",
    re.IGNORECASE,
)
MOST_ERRORS = 100_000


def _option(form: str) -> re.Pattern[str]:
    return re.compile(form + r"(?:\s+|;|$)", re.IGNORECASE)


OPTIONS = {
    "credentials": _option(r"(?:with )?credentials(?:\s+as)?\s+'(?P<value>[^']*)'"),
    "role": _option(r"iam_role\s+'(?P<value>[^']*)'"),
    "region": _option(r"region(?:\s+as)?\s+'(?P<value>[\w-]+)'"),
    "json": _option(r"(?:format\s+(?:as\s+)?)?json(?:\s+as)?\s+'(?P<value>[^']*)'"),
    "timeformat": _option(r"timeformat(?:\s+as)?\s+'(?P<value>\w+)'"),
    "maxerror": _option(r"maxerror(?:\s+as)?\s+(?P<value>\d+)"),
    "emptyasnull": _option(r"emptyasnull"),
    "gzip": _option(r"gzip"),
    "manifest": _option(r"manifest"),
    "compupdate": _option(r"compupdate\s+(?P<value>on|off)"),
    "statupdate": _option(r"statupdate\s+(?P<value>on|off)"),
}


@dataclass(frozen=True)
class CopyCommand:
    """One COPY: into which table, from where, and how."""

    table: str
    columns: tuple[str, ...]
    source: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def most_errors(self) -> int:
        """At how many records that fail the COPY does; at none it does so at the first."""
        return int(self.options.get("maxerror", "0"))

    def has_failed(self, errors: int) -> bool:
        """
        Whether so many records are too many.

        Data load operations, copy-parameters-data-load.html: it fails at MAXERROR or more.
        """
        return errors >= max(self.most_errors, 1)

    @property
    def authorization(self) -> dict[str, str]:
        """How S3 is entered: by a role, or by a key; never by nothing."""
        if role := self.options.get("role"):
            return {"aws_iam_role": role}
        parts = self.options.get("credentials", "").split(";")
        pairs = dict(part.split("=", 1) for part in parts if "=" in part)
        known = {"aws_iam_role", "aws_access_key_id", "aws_secret_access_key", "token"}
        whole = "aws_iam_role" in pairs or {"aws_access_key_id", "aws_secret_access_key"} <= set(
            pairs
        )
        if not whole or set(pairs) - known:
            raise Refused("CREDENTIALS argument is required and must hold a role or a key", "XX000")
        return pairs


def parse(text: str) -> CopyCommand:
    """The COPY that a statement is."""
    head = HEAD.match(text)
    if not head:
        raise Refused('syntax error at or near "copy"', "42601")
    if not head["source"].startswith("s3://"):
        raise Refused("COPY reads from s3:// only", "0A000")
    options: dict[str, str] = {}
    rest = text[head.end() :]
    while rest.strip(" ;\n\t"):
        rest = rest.lstrip()
        for name, form in OPTIONS.items():
            if found := form.match(rest):
                if name in options:
                    raise Refused(f"conflicting or redundant options: {name}", "42601")
                options[name] = found.groupdict().get("value") or ""
                rest = rest[found.end() :]
                break
        else:
            raise Refused(f'syntax error at or near "{rest.split()[0]}"', "42601")
    return _checked(
        CopyCommand(head["table"].lower(), _names(head["columns"]), head["source"], options)
    )


def _names(columns: str | None) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in columns.split(",")) if columns else ()


def _checked(command: CopyCommand) -> CopyCommand:
    if "json" not in command.options:
        raise Refused("this stand-in's COPY reads JSON only")
    if command.most_errors > MOST_ERRORS:
        raise Refused(f"MAXERROR {command.most_errors} is more than {MOST_ERRORS}", "XX000")
    if command.options.get("timeformat", "epochmillisecs") != "epochmillisecs":
        raise Refused("this stand-in's COPY knows the time format epochmillisecs only")
    assert command.authorization  # noqa: S101 - raises where there is none
    return command
