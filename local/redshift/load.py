"""A COPY, carried out: objects become rows in the client's own transaction."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from local.redshift.copy_command import CopyCommand
from local.redshift.journal import Journal, LoadError
from local.redshift.objects import Objects
from local.redshift.records import Column, Unloadable, objects, picker, row
from local.redshift.refusals import Refused
from local.servers.s3 import Storage

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class Load:
    """
    One COPY on its way.

    :param command: the COPY
    :param columns: those of its table that it fills
    :param storage: the S3 it reads from
    :param roles: those that the cluster may assume
    :param journal: where it is written down, whatever comes of it
    """

    command: CopyCommand
    columns: list[Column]
    storage: Storage
    roles: Collection[str]
    journal: Journal
    rows: int = 0
    errors: list[LoadError] = field(default_factory=list)
    query: int = 0

    def lines(self) -> Iterator[bytes]:
        """The rows in PostgreSQL's text format, one object of S3 at a time."""
        self.query = self.journal.began(self.command.table, self.command.source)
        source = Objects(self.storage, self.roles, self.command)
        how = self.command.options["json"]
        pick = picker(self.columns, how, source.fetch(how) if how.startswith("s3://") else None)
        empty_as_null = "emptyasnull" in self.command.options
        for url, content in source.all():
            lines = []
            # What is no UTF-8 is refused with its value.
            text = content.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
            for line, found in objects(text):
                try:
                    if isinstance(found, Unloadable):
                        raise found
                    values = row(self.columns, pick(found), empty_as_null=empty_as_null)
                except Unloadable as why:
                    self._note(url, line, why)
                else:
                    lines.append("\t".join(map(_escaped, values)) + "\n")
            self.rows += len(lines)
            ended = text.count("\n") + bool(text and not text.endswith("\n"))
            self.journal.read(self.query, url, len(content), ended)
            yield "".join(lines).encode()

    def ended(self, error: Refused | None = None) -> None:
        """Write down how it ended."""
        self.journal.failed(self.query, self.errors)
        status = "aborted" if error else "completed"
        self.journal.ended(self.query, status, 0 if error else self.rows, len(self.errors))

    def _note(self, url: str, line: int, why: Unloadable) -> None:
        column = why.column or Column("", "", None, False)
        length = "" if column.length is None else str(column.length)
        self.errors.append(
            LoadError(url, line, why.code, str(why), column.name, column.type, length)
        )
        if self.command.has_failed(len(self.errors)):
            raise Refused(
                f"Load into table '{self.command.table}' failed.  Check 'stl_load_errors' system "
                "table for details.",
                "XX000",
            )


def _escaped(value: str | None) -> str:
    if value is None:
        return "\\N"
    value = value.replace("\\", "\\\\").replace("\t", "\\t")
    return value.replace("\n", "\\n").replace("\r", "\\r")
