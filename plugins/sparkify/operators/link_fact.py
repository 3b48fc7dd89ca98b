"""Link fact rows to dimension rows that arrived later."""

from typing import Any

from sparkify.operators.load import LoadOperator, columns_of


class LinkFactOperator(LoadOperator):
    """
    Update columns of the fact rows that a SELECT returns, in one transaction.

    :param table: fact table to update
    :param sql: the SELECT of the key and the new values, or the ``.sql`` file with it (templated)
    :param key: column that identifies a row
    """

    ui_color = "#f5d9b8"

    def __init__(self, *, key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key = key

    def replacement(self, cursor: Any) -> list[str]:
        """Update the rows that the SELECT returns."""
        columns = columns_of(cursor, self.sql).split(", ")
        changes = ", ".join(
            f"{column} = incoming.{column}" for column in columns if column != self.key
        )
        return [
            f"update {self.table} set {changes}\nfrom (\n{self.sql}\n) as incoming\n"
            f"where {self.table}.{self.key} = incoming.{self.key}"
        ]
