"""The two engines a warehouse may run on, and all that differs between them outside ``schema/``."""

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException

from sparkify.settings import WAREHOUSE

POSTGRES, REDSHIFT = "postgres", "redshift"


def engine(conn_id: str = WAREHOUSE) -> str:
    """Which engine a connection leads to; its type says so."""
    conn_type = BaseHook.get_connection(conn_id).conn_type
    if conn_type not in (POSTGRES, REDSHIFT):
        raise AirflowFailException(
            f"The connection {conn_id} is of type {conn_type!r}; it must be redshift or postgres."
        )
    return str(conn_type)


def lock(table: str, on: str) -> str:
    """
    The statement that makes writers of a table wait for each other, to the transaction's end.

    Two runs may load overlapping windows at once; the second must see what the first committed.
    PostgreSQL's readers are not held up; Redshift has one kind of lock only.
    """
    mode = " in share row exclusive mode" if on == POSTGRES else ""
    return f"lock table {table}{mode}"
