"""A strict parser of COPY … FROM 's3://…' JSON: anything unknown is an error."""

import re
from dataclasses import dataclass, field

from local.redshift.refusals import RedshiftError

HEAD = re.compile(
    r"\s*copy\s+(?:(?P<schema>\w+)\.)?(?P<table>\w+)\s*(?:\((?P<columns>[\w\s,]+)\))?"
    r"\s*from\s+'(?P<source>[^']+)'\s*",
    re.IGNORECASE,
)
MAXERROR_LIMIT = 100_000


def _option(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern + r"(?:\s+|;|$)", re.IGNORECASE)


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
    """A parsed COPY."""

    table: str
    columns: tuple[str, ...]
    source: str
    options: dict[str, str] = field(default_factory=dict)
    schema: str = ""

    @property
    def destination(self) -> str:
        """The table, with its schema if the COPY names one."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @property
    def maxerror(self) -> int:
        """The number of bad records at which the COPY fails; at 0 it fails at the first."""
        return int(self.options.get("maxerror", "0"))

    def has_failed(self, errors: int) -> bool:
        """
        Return whether this many bad records make the COPY fail.

        Data load operations, copy-parameters-data-load.html: it fails at MAXERROR or more.
        """
        return errors >= max(self.maxerror, 1)

    @property
    def authorization(self) -> dict[str, str]:
        """The credentials for S3: a role or a key."""
        if role := self.options.get("role"):
            return {"aws_iam_role": role}
        parts = self.options.get("credentials", "").split(";")
        pairs = dict(part.split("=", 1) for part in parts if "=" in part)
        key = {"aws_access_key_id", "aws_secret_access_key"}
        complete = "aws_iam_role" in pairs or key <= set(pairs)
        if not complete or set(pairs) - key - {"aws_iam_role", "token"}:
            raise RedshiftError(
                "CREDENTIALS argument is required and must hold a role or a key", "XX000"
            )
        return pairs


def parse(text: str) -> CopyCommand:
    """Parse a COPY statement."""
    head = HEAD.match(text)
    if not head:
        raise RedshiftError('syntax error at or near "copy"', "42601")
    if not head["source"].startswith("s3://"):
        raise RedshiftError("COPY reads from s3:// only", "0A000")
    options: dict[str, str] = {}
    rest = text[head.end() :]
    while rest.strip(" ;\n\t"):
        rest = rest.lstrip()
        for name, pattern in OPTIONS.items():
            if found := pattern.match(rest):
                if name in options:
                    raise RedshiftError(f"conflicting or redundant options: {name}", "42601")
                options[name] = found.groupdict().get("value") or ""
                rest = rest[found.end() :]
                break
        else:
            raise RedshiftError(f'syntax error at or near "{rest.split()[0]}"', "42601")
    return _validated(
        CopyCommand(
            head["table"].lower(),
            _names(head["columns"]),
            head["source"],
            options,
            (head["schema"] or "").lower(),
        )
    )


def _names(columns: str | None) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in columns.split(",")) if columns else ()


def _validated(command: CopyCommand) -> CopyCommand:
    if "json" not in command.options:
        raise RedshiftError("the stand-in's COPY reads only JSON")
    if command.maxerror > MAXERROR_LIMIT:
        raise RedshiftError(f"MAXERROR {command.maxerror} exceeds {MAXERROR_LIMIT}", "XX000")
    if command.options.get("timeformat", "epochmillisecs") != "epochmillisecs":
        raise RedshiftError("the stand-in's COPY reads only the time format epochmillisecs")
    assert command.authorization  # noqa: S101 - the property raises without one
    return command
