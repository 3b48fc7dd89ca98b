"""What a test asks a warehouse."""

import json
from typing import Any

import psycopg

from local.postgres import EmbeddedPostgres

TABLES = {
    "songplays": "songplay_id",
    "user_events": "event_time, user_id, session_id, item_in_session, page",
    "users": "user_id",
    "user_levels": "user_id, valid_from",
    "songs": "song_id",
    "artists": "artist_id",
    "time": "start_time",
}
"""The tables whose content is a function of the source, each with an order for its rows."""


class Warehouse:
    """A warehouse that a test asks directly, past Airflow."""

    def __init__(self, client: psycopg.Connection[Any]) -> None:
        self.client = client

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.client.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]

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


def connection(server: EmbeddedPostgres, database: str) -> str:
    """An Airflow connection to a database of the embedded server."""
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": str(server.socket_folder),
            "login": "sparkify",
            "schema": database,
        }
    )


def execute(server: EmbeddedPostgres, statement: str) -> None:
    """A statement that no transaction may hold, such as making a database."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as client:
        client.execute(statement)  # type: ignore[call-overload]
