"""
Lineage: the files and tables that tasks read and write, as Airflow's assets and for OpenLineage.

Nothing here asks the warehouse anything: the statements that ran say which tables they read.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from airflow.sdk import Asset

from sparkify.macros import sql_files
from sparkify.settings import WAREHOUSE
from sparkify.staging.names import dataset_of
from sparkify.warehouse import POSTGRES, REDSHIFT, first_words
from sparkify.window import Window

if TYPE_CHECKING:  # an extra that a deployment may lack
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import DatasetFacet, column_lineage_dataset

SCHEMA = "public"

PORTS = {POSTGRES: 5432, REDSHIFT: 5439}

MOST_FILES = 100
"""Files that one event names; of more, it names the folders that hold them."""


def asset(table: str) -> Asset:
    """
    Return the asset of a table, whose URI names the warehouse by its connection.

    A DAG file must not read where the connection leads; each of the asset's events says it.
    """
    return Asset(name=f"sparkify.{table}", uri=f"x-sparkify://{WAREHOUSE}/{SCHEMA}/{table}")


class Location(NamedTuple):
    """Where a warehouse is, in OpenLineage's naming: ``postgres://host:5432`` and a database."""

    namespace: str
    database: str

    @classmethod
    def of(cls, connection: Any) -> "Location":
        """Return where a connection leads."""
        kind = str(connection.conn_type)
        host = _cluster(connection) if kind == REDSHIFT else (connection.host or "").split(",")[0]
        # A path is a socket of this machine.
        host = "localhost" if not host or host.startswith(("/", "@")) else host
        port = connection.port or PORTS[kind]
        return cls(f"{kind}://{host}:{port}", connection.schema or "")

    @property
    def engine(self) -> str:
        """The engine, which OpenLineage's parser calls the same."""
        return self.namespace.partition(":")[0]

    def table(self, name: str) -> str:
        """Return the full name of a table."""
        return f"{self.database}.{SCHEMA}.{name}"


def _cluster(connection: Any) -> str:
    """Return ``cluster.region``, which outlives the host name of an endpoint."""
    extra = connection.extra_dejson
    if not connection.host:
        return ".".join(filter(None, [extra.get("cluster_identifier"), extra.get("region")]))
    parts = connection.host.split(".")
    return ".".join(parts[:3:2] if "amazonaws" in parts else parts)


class Executed(NamedTuple):
    """A statement that a task has executed, and how many rows it inserted or updated, if known."""

    statement: str
    rows: int | None = None


@cache
def known_tables() -> frozenset[str]:
    """Return the names of the tables and views; any other is a temporary table of a load."""
    return frozenset(
        name for folder in ("schema", "views", "questions") for name in sql_files(folder)
    )


def tables(names: Iterable[str]) -> Iterator[str]:
    """Yield those that are tables of this project, a run's own by what it is modelled on."""
    return (table for table in map(dataset_of, names) if table in known_tables())


def shown_files(urls: Iterable[str]) -> list[str]:
    """Return the URLs of files or, if there are too many, of the folders that hold them."""
    found = list(dict.fromkeys(urls))
    while len(found) > MOST_FILES:
        found = list(dict.fromkeys(url.rpartition("/")[0] for url in found))
    return found


def file_dataset(url: str) -> tuple[str, str]:
    """Return the namespace and the name of a file or a folder."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return "file", unquote(parts.path)
    # Not the path: a key may contain "?" or "#".
    return f"s3://{parts.netloc}", url.removeprefix(f"s3://{parts.netloc}").strip("/")


class Lineage:
    """
    Collects what a task has read and written, for Airflow's OpenLineage provider.

    Only made where that is installed, after the task: its parser tells which tables and columns a
    statement reads. The parser must not be told a default schema, or it overlooks the tables of
    subqueries.

    :param location: where the tables are
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._inputs: dict[tuple[str, str], InputDataset] = {}
        self._outputs: dict[tuple[str, str], OutputDataset] = {}
        self._temporary: dict[tuple[str, str], set[tuple[str, str]]] = {}

    def read(self, namespace: str, name: str) -> "InputDataset":
        """Add an input."""
        from openlineage.client.event_v2 import InputDataset

        key = namespace, name
        return self._inputs.setdefault(key, InputDataset(namespace, name, inputFacets={}))

    def write(self, namespace: str, name: str, rows: int | None = None) -> "OutputDataset":
        """Add an output, and to it a number of rows, if one is known."""
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

        empty = OutputDataset(namespace, name, facets={}, outputFacets={})
        found = self._outputs.setdefault((namespace, name), empty)
        if rows is not None and found.outputFacets is not None:
            facet: Any = found.outputFacets.get("outputStatistics")
            total = rows + (facet.rowCount if facet else 0)
            found.outputFacets["outputStatistics"] = statistics.OutputStatisticsOutputDatasetFacet(
                rowCount=total
            )
        return found

    def read_table(self, table: str) -> "InputDataset":
        """Add a table as an input."""
        return self.read(self.location.namespace, self.location.table(table))

    def write_table(
        self,
        table: str,
        rows: int | None = None,
        facets: "Mapping[str, DatasetFacet] | None" = None,
    ) -> "OutputDataset":
        """Add a table as an output."""
        found = self.write(self.location.namespace, self.location.table(table), rows)
        found.facets = {**(found.facets or {}), **(facets or {})}
        return found

    def read_files(self, urls: Iterable[str]) -> None:
        """Add files as inputs."""
        for url in shown_files(urls):
            self.read(*file_dataset(url))

    def add(self, *executed: Executed) -> None:
        """Add what statements have read and written."""
        for statement, rows in executed:
            parsed = self._parsed(statement)
            for table in tables(read.name for read in parsed.in_tables):
                self.read_table(table)
            verb = first_words(statement, 1)
            for table in tables(written.name for written in parsed.out_tables):
                self.write_table(table, rows)
            # The names of an update's columns are those of its subquery.
            for written in parsed.out_tables if verb in ("insert", "create") else ():
                self._add_columns(written.name, parsed.column_lineage)

    def check(self, statement: str, name: str, severity: str, *, passed: bool) -> None:
        """Add the result of a check to each table that it reads."""
        from openlineage.client.facet_v2 import data_quality_assertions_dataset as assertions

        for table in tables(read.name for read in self._parsed(statement).in_tables):
            facets = self.read_table(table).inputFacets
            assert facets is not None  # noqa: S101 - ``read`` has made it
            facet: Any = facets.setdefault(
                "dataQualityAssertions",
                assertions.DataQualityAssertionsDatasetFacet(assertions=[]),
            )
            result = assertions.Assertion(assertion=name, success=passed, severity=severity)
            facet.assertions.append(result)

    def facets(
        self, window: Window | None = None, *, with_rows: bool = True
    ) -> "OperatorLineage[Any, Any]":
        """
        Return everything in the form that the provider takes.

        :param window: the run's window, which its nominal time need not be
        """
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.facet_v2 import execution_parameters_run as parameters

        bounds = {"window_start": window.start, "window_end": window.end} if window else {}
        stated = [
            parameters.ExecutionParameter(key=name, name=name, value=moment.isoformat())
            for name, moment in bounds.items()
        ]
        for output in self._outputs.values():
            output.outputFacets = output.outputFacets if with_rows else {}
        return OperatorLineage(
            inputs=[self._inputs[key] for key in sorted(self._inputs)],
            outputs=[self._outputs[key] for key in sorted(self._outputs)],
            run_facets={"executionParameters": parameters.ExecutionParametersRunFacet(stated)},
        )

    def _parsed(self, statement: str) -> Any:
        """Return the tables and columns of a statement."""
        from openlineage_sql import parse

        return parse([statement], dialect=self.location.engine)

    def _add_columns(self, written: str, columns: Iterable[Any]) -> None:
        """Add what columns of a table, perhaps a temporary one, are computed from."""
        from openlineage.client.facet_v2 import column_lineage_dataset

        fields: dict[str, column_lineage_dataset.Fields] = {}
        for column in columns:
            origins = {
                origin
                for source in column.lineage
                if source.origin
                for origin in self._origins(source.origin.name, source.name)
            }
            self._temporary[written, column.descendant.name] = origins
            if origins:
                inputs = [self._field(*origin) for origin in sorted(origins)]
                fields[column.descendant.name] = column_lineage_dataset.Fields(inputFields=inputs)
        for table in tables([written]) if fields else ():
            facet = column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)
            self.write_table(table, facets={"columnLineage": facet})

    def _origins(self, table: str, column: str) -> set[tuple[str, str]]:
        """Return the columns of known tables that a column comes from."""
        known = {(name, column) for name in tables([table])}
        return known or self._temporary.get((table, column), set())

    def _field(self, table: str, column: str) -> "column_lineage_dataset.InputField":
        from openlineage.client.facet_v2 import column_lineage_dataset

        name = self.location.table(table)
        return column_lineage_dataset.InputField(self.location.namespace, name, column)
