"""Load a fact table by time window."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from sparkify.lineage import Executed, Lineage
from sparkify.operators.load import LoadOperator, Slice
from sparkify.runs.agents import add_agents
from sparkify.runs.names import correct_names


class LoadFactOperator(LoadOperator):
    """
    Replace one time window of a fact table with the rows of a SELECT, in one transaction.

    :param table: fact table to load
    :param sql: the SELECT, or the ``.sql`` file with it (templated)
    :param window: predicate selecting the rows this run owns (templated)
    :param names: SELECT, or the ``.sql`` file with it, of names that the load looks up in
        ``repaired_names`` and that may be garbled, each with its entry or null (templated)
    :param agents: SELECT, or the ``.sql`` file with it, of the loaded user agents that are missing
        from ``user_agents`` (templated)
    """

    template_fields: Sequence[str] = ("window", "names", "agents", *LoadOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "window": "sql",
        "names": "sql",
        "agents": "sql",
        **LoadOperator.template_fields_renderers,
    }
    ui_color = "#f5d9b8"

    def __init__(self, *, window: str, names: str = "", agents: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window
        self.names = names
        self.agents = agents
        self.repaired = 0
        self.added = 0

    def lineage(self) -> Lineage:
        """Return what the load, its repair of names and its parsing of agents read and wrote."""
        lineage = super().lineage()
        # By itself, as the parser overlooks the tables of a subquery that begins with WITH.
        lineage.add(Executed(self.sql))
        if self.repaired:
            lineage.add(Executed(self.names))
            lineage.write_table("repaired_names", self.repaired)
        if self.added:
            lineage.add(Executed(self.agents))
            lineage.write_table("user_agents", self.added)
        return lineage

    def prepare(self, cursor: Any, on: str) -> None:
        """Repair the names that the load looks up."""
        if self.names and (names := correct_names(cursor, on, self.names)):
            self.repaired = len(names)
            self.log.info("Repaired %s garbled names", len(names))

    def complete(self, cursor: Any, on: str) -> None:
        """Parse the user agents that the load brought."""
        if self.agents and (added := add_agents(cursor, on, self.agents)):
            self.added = added
            self.log.info("Added %s user agents", added)

    def restrict_to(self, condition: str) -> Self:
        """Return a copy of this load for the rows of the window that meet a condition."""
        load = super().restrict_to(condition)
        load.window = f"{self.window} and {condition}"
        return load

    def replacement(self, cursor: Any) -> list[str]:
        """Delete the window, insert the rows of the SELECT."""
        return Slice(self.table, self.window, self.sql).replacement(cursor)
