"""Load a dimension table by key."""

from typing import Any

from sparkify.operators.load import LoadOperator, columns_to_insert


class LoadDimensionOperator(LoadOperator):
    """
    Replace the rows of a dimension table whose key a SELECT returns, in one transaction.

    :param table: dimension table to load
    :param sql: the SELECT of one row per key, or the ``.sql`` file with it (templated)
    :param key: column that identifies a row
    """

    ui_color = "#d8ecc9"

    def __init__(self, *, key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key = key

    def replacement(self, cursor: Any) -> list[str]:
        """Compute the rows once, delete their keys, insert them."""
        self.execute_statement(cursor, f"create temp table incoming as\n{self.sql}")
        columns = columns_to_insert(cursor, self.table, "select * from incoming")
        key = f"{self.table}.{self.key}"
        return [
            # The bounds save scanning all other keys: a time dimension of years is as fast as one
            # of a day.
            f"delete from {self.table} using incoming where {key} = incoming.{self.key} "
            f"and {key} >= (select min({self.key}) from incoming) "
            f"and {key} <= (select max({self.key}) from incoming)",
            f"insert into {self.table} ({columns}) select {columns} from incoming",
        ]
