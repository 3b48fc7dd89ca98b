"""Let people read the warehouse: analysts everything they need, readers nothing personal."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from sparkify.lineage import SCHEMA, Lineage
from sparkify.operators.create_views import CreateViewsOperator, dated
from sparkify.warehouse import POSTGRES, session

ANALYST, READER = "sparkify_analyst", "sparkify_reader"


class GrantAccessOperator(CreateViewsOperator):
    """
    Create the roles of analysts and readers, and grant them what they may read.

    A reader may read the views of a schema that has the role's name. They are called like the
    tables, so a query is the same for both. It all happens on request, with the param ``access``,
    and from then on at every run: a view that had to be dropped has lost its grants.

    :param views: the readers' views: name to SELECT, or the ``.sql`` file holding it (templated)
    :param questions: the same for questions, which are asked of those views (templated)
    :param analysed: the tables and views that an analyst may read
    """

    template_fields: Sequence[str] = ("questions", *CreateViewsOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"views": "py", "questions": "py"}

    def __init__(
        self,
        *,
        views: Mapping[str, str],
        questions: Mapping[str, str],
        analysed: Sequence[str],
        **kwargs: Any,
    ) -> None:
        # The questions are based on the other views.
        super().__init__(views=views, dependents=list(questions), **kwargs)
        self.questions = questions
        self.analysed = list(analysed)

    def execute(self, context: Context) -> None:
        """Create what is missing, and renew the grants, in one transaction."""
        hook = self.get_db_hook()
        to = "" if hook.conn_type == POSTGRES else "role "
        analysed = ", ".join(f"{SCHEMA}.{name}" for name in self.analysed)
        with session(hook) as cursor:
            if not (context["params"].get("access") or _has_schema(cursor)):
                raise AirflowSkipException(
                    f"The roles {ANALYST} and {READER} do not exist; set the param access to "
                    "create them."
                )
            for role in (ANALYST, READER):
                if not _has_role(cursor, hook.conn_type, role):
                    cursor.execute(f"create role {role}")
            cursor.execute(f"create schema if not exists {READER}")
            # Not the tables' schema: a question reads what a reader may read, or does not work.
            cursor.execute(f"set search_path to {READER}")
            questions = {name: dated(sql) for name, sql in self.questions.items()}
            self.create(cursor, hook.conn_type, {**self.views, **questions})
            cursor.execute(f"grant usage on schema {READER} to {to}{READER}")
            cursor.execute(f"grant select on all tables in schema {READER} to {to}{READER}")
            cursor.execute(f"grant usage on schema {SCHEMA} to {to}{ANALYST}")
            cursor.execute(f"grant select on {analysed} to {to}{ANALYST}")

    def lineage(self) -> Lineage:
        """Return nothing: only the tables' own schema is known."""
        return Lineage(self.location())


def _has_schema(cursor: Any) -> bool:
    cursor.execute("select 1 from pg_namespace where nspname = %s", (READER,))
    return bool(cursor.fetchall())


def _has_role(cursor: Any, on: str, role: str) -> bool:
    catalog = "pg_roles where rolname" if on == POSTGRES else "svv_roles where role_name"
    cursor.execute(f"select 1 from {catalog} = %s", (role,))
    return bool(cursor.fetchall())
