"""Describe tables and views in the warehouse itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from sparkify import dictionary
from sparkify.lineage import Lineage
from sparkify.operators.warehouse import WarehouseOperator
from sparkify.warehouse import commit, execute, quoted, session

if TYPE_CHECKING:  # an extra that a deployment may lack
    from openlineage.client.facet_v2 import DatasetFacet

DESCRIBED = """
select relname, attname, col_description(pg_class.oid, attnum)
from pg_class
inner join pg_attribute on pg_class.oid = attrelid
inner join pg_namespace on relnamespace = pg_namespace.oid
where nspname = current_schema() and attnum > 0
union all
select relname, '', obj_description(pg_class.oid, 'pg_class')
from pg_class
inner join pg_namespace on relnamespace = pg_namespace.oid
where nspname = current_schema()
"""


class DescribeTablesOperator(WarehouseOperator):
    """
    Comment on tables, their columns and views, unless the warehouse says the same already.

    Each comment is a statement, which takes Redshift a fraction of a second; one query finds those
    that are needed. It commits after each table, because a comment locks its table against loads,
    and two locked tables could be a deadlock.

    :param tables: name to the statement that creates it, or the ``.sql`` file holding it
        (templated)
    :param views: the same for views: the SELECT (templated)
    """

    template_fields: Sequence[str] = ("tables", "views", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"tables": "py", "views": "py"}
    ui_color = "#d8ecc9"

    def __init__(
        self, *, tables: Mapping[str, str], views: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tables = tables
        self.views = views

    def execute(self, context: Context) -> int:  # noqa: ARG002 - Airflow's signature
        """Make the comments that are missing or outdated, and return their number."""
        changed = 0
        with session(self.get_db_hook()) as cursor:
            cursor.execute(DESCRIBED)
            current = {(name, column): text for name, column, text in cursor.fetchall()}
            for kind, name, texts in self._described():
                outdated = {
                    column: text
                    for column, text in texts.items()
                    if current.get((name, column)) != text
                }
                for column, text in outdated.items():
                    place = f"column {name}.{column}" if column else f"{kind} {name}"
                    execute(cursor, f"comment on {place} is {quoted(text)}")
                if outdated:
                    commit(cursor)
                changed += len(outdated)
        return changed

    def lineage(self) -> Lineage:
        """Return each table with its columns, and each view, as described here."""
        from openlineage.client.facet_v2 import documentation_dataset, schema_dataset

        lineage = Lineage(self.location())
        columns = {
            table.name: table.columns for table in map(dictionary.table, self.tables.values())
        }
        for _, name, texts in self._described():
            fields = [
                schema_dataset.SchemaDatasetFacetFields(
                    column.name, column.sql_type, column.meaning
                )
                for column in columns.get(name, ())
            ]
            facets: dict[str, DatasetFacet] = {
                "documentation": documentation_dataset.DocumentationDatasetFacet(texts[""])
            }
            if fields:
                facets["schema"] = schema_dataset.SchemaDatasetFacet(fields)
            lineage.write_table(name, facets=facets)
        return lineage

    def _described(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Yield each table and view with its description, under "", and those of its columns."""
        for sql in self.tables.values():
            table = dictionary.table(sql)
            columns = {column.name: column.meaning for column in table.columns}
            yield "table", table.name, {"": table.grain, **columns}
        for name, sql in self.views.items():
            yield "view", name, {"": dictionary.description(sql)}
