"""Execution of a COPY: objects become rows in the client's transaction."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from local.redshift.copy_command import CopyCommand
from local.redshift.journal import Journal, LoadError
from local.redshift.objects import Objects
from local.redshift.records import Column, RecordError, objects, picker, row
from local.redshift.refusals import RedshiftError
from local.servers.s3 import Storage

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class Load:
    """
    A running COPY.

    :param command: the COPY
    :param columns: columns that it fills
    :param storage: S3 server that it reads from
    :param roles: ARNs of the roles that it may assume
    :param journal: record of every COPY
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
        """Yield the rows in PostgreSQL's text format, one S3 object at a time."""
        self.query = self.journal.start(self.command.table, self.command.source)
        source = Objects(self.storage, self.roles, self.command)
        option = self.command.options["json"]
        paths = source.fetch(option) if option.startswith("s3://") else None
        pick = picker(self.columns, option, paths)
        empty_as_null = "emptyasnull" in self.command.options
        for url, content in source.all():
            lines = []
            # Invalid UTF-8 is rejected per value.
            text = content.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
            for line, found in objects(text):
                try:
                    if isinstance(found, RecordError):
                        raise found
                    values = row(self.columns, pick(found), empty_as_null=empty_as_null)
                except RecordError as error:
                    self._add_error(url, line, error)
                else:
                    lines.append("\t".join(map(_escaped, values)) + "\n")
            self.rows += len(lines)
            line_count = text.count("\n") + bool(text and not text.endswith("\n"))
            self.journal.add_file(self.query, url, len(content), line_count)
            yield "".join(lines).encode()

    def finish(self, error: RedshiftError | None = None) -> None:
        """Record the outcome."""
        self.journal.add_errors(self.query, self.errors)
        status = "aborted" if error else "completed"
        self.journal.finish(self.query, status, 0 if error else self.rows, len(self.errors))

    def _add_error(self, url: str, line: int, error: RecordError) -> None:
        column = error.column or Column("", "", None, False)
        length = "" if column.length is None else str(column.length)
        self.errors.append(
            LoadError(url, line, error.code, str(error), column.name, column.type, length)
        )
        if self.command.has_failed(len(self.errors)):
            raise RedshiftError(
                f"Load into table '{self.command.table}' failed.  Check 'stl_load_errors' system "
                "table for details.",
                "XX000",
            )


def _escaped(value: str | None) -> str:
    if value is None:
        return "\\N"
    value = value.replace("\\", "\\\\").replace("\t", "\\t")
    return value.replace("\n", "\\n").replace("\r", "\\r")
