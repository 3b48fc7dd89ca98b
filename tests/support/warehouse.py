"""What a test asks a warehouse."""

from typing import Any

import psycopg

from local.tools.contents import TABLES


class Warehouse:
    """A warehouse that a test asks directly, past Airflow."""

    def __init__(self, client: psycopg.Connection[Any]) -> None:
        self.client = client

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.client.execute(query).fetchall()

    def column(self, query: str) -> list[Any]:
        return [row[0] for row in self.rows(query)]

    def value(self, query: str) -> Any:
        [[value]] = self.rows(query)
        return value

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table that is a function of the source."""
        return {
            table: self.rows(f"select * from {table} order by {order}")
            for table, order in TABLES.items()
        }

    def count(self, table: str) -> int:
        return int(self.value(f"select count(*) from {table}"))
