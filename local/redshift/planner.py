"""
Statements that Redshift's planner refuses, found in their parse trees.

Each rule names its page of the Amazon Redshift Database Developer Guide at
https://docs.aws.amazon.com/redshift/latest/dg/
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from local.redshift.refusals import RedshiftError
from local.redshift.trees import Node, parse_tree

CORRELATED = "This type of correlated subquery pattern is not supported yet"
EQUIJOIN = "Target table must be part of an equijoin predicate"
NESTED_WITH = "WITH clause inside of a WITH clause is not supported"
UPDATED_WITH = "WITH clause in the FROM of an UPDATE is not supported"
UNKNOWN = 'failed to find conversion function from "unknown" to text'
ROWS = "ROW expressions are not supported"

TEXT = "25"
"""PostgreSQL's number of the type that a literal has unless it is cast."""

UPDATE, DELETE = "2", "4"
INNER, SUBQUERY = "0", "1"
"""PostgreSQL's numbers of commands, joins and sources of rows."""


# What no rule looks at, and what differs from one run of a statement to the next: constants, places
# in the text, and tables with their names.
IRRELEVANT = re.compile(
    r" :(?:constvalue \d+ \[[^\]]*\]"
    r"|(?:location|list_start|list_end|stmt_location|stmt_len|relid|resorigtbl|aliasname) "
    r"(?:[^\s{}()\\]|\\.)+)"
)


def refuse_plan(tree: str, equalities: frozenset[str]) -> None:
    """
    Raise if Redshift's planner would refuse a statement.

    :param tree: its parse tree, as printed
    :param equalities: object ids of the operators named ``=``
    """
    # PostgreSQL breaks it into lines wherever they are full.
    _refuse_plan(IRRELEVANT.sub("", " ".join(tree.split())), equalities)


# The same statements come again and again.
@lru_cache(maxsize=4096)
def _refuse_plan(tree: str, equalities: frozenset[str]) -> None:
    for node in parse_tree(tree).walk():
        if node.kind in RULES:
            RULES[node.kind](node)
        if node.kind == "QUERY" and node.word("commandType") in (UPDATE, DELETE):
            _refuse_updated_with(node)
            _refuse_unjoined(node, equalities)


def _refuse_skipped_level(variable: Node) -> None:
    """
    Raise for a reference that skips a query block.

    Correlated subqueries, r_correlated_subqueries.html.
    """
    if variable.number("varlevelsup") > 1:
        raise RedshiftError(CORRELATED)


def _refuse_correlated_join(join: Node) -> None:
    """
    Raise for a correlated subquery in an ON.

    Correlated subqueries, r_correlated_subqueries.html, which mentions only outer joins.
    """
    for condition in join.nodes("quals"):
        for node in condition.walk():
            if node.kind == "SUBLINK" and _is_correlated(node):
                raise RedshiftError(CORRELATED)


def _refuse_correlated_window(link: Node) -> None:
    """
    Raise for a correlated subquery with a window function.

    Correlated subqueries, r_correlated_subqueries.html.
    """
    has_window = any(query.word("hasWindowFuncs") == "true" for query in link.nodes("subselect"))
    if has_window and _is_correlated(link):
        raise RedshiftError(CORRELATED)


def _refuse_nested_with(table: Node) -> None:
    """Raise for a WITH inside a WITH, which WITH clause, r_WITH_clause.html, does not mention."""
    if any(node.kind == "COMMONTABLEEXPR" for node in table.walk() if node is not table):
        raise RedshiftError(NESTED_WITH)


def _refuse_unknown(query: Node) -> None:
    """
    Raise for a text literal without a type that a query selects from its subquery or WITH.

    Users report this error when such a column is compared, sorted or partitioned by. It is refused
    whatever becomes of it, except in a UNION, which gives it a type.
    """
    arms = query.nodes("setOperations")
    subqueries = [
        *(one for table in query.nodes("rtable") if not arms for one in table.nodes("subquery")),
        *(one for table in query.nodes("cteList") for one in table.nodes("ctequery")),
    ]
    entries = (entry for subquery in subqueries for entry in subquery.nodes("targetList"))
    for selected in (node for entry in entries for node in entry.nodes("expr")):
        if selected.kind == "CONST" and selected.word("consttype") == TEXT:
            raise RedshiftError(UNKNOWN)


def _refuse_row(row: Node) -> None:  # noqa: ARG001 - every rule takes a node
    """Raise for any row value; Data types, c_Supported_data_types.html, has no composite type."""
    raise RedshiftError(ROWS)


RULES = {
    "VAR": _refuse_skipped_level,
    "JOINEXPR": _refuse_correlated_join,
    "SUBLINK": _refuse_correlated_window,
    "COMMONTABLEEXPR": _refuse_nested_with,
    "QUERY": _refuse_unknown,
    "ROWEXPR": _refuse_row,
    "ROWCOMPAREEXPR": _refuse_row,
}


def _is_correlated(link: Node) -> bool:
    """Return whether a subquery refers to an outer query."""
    return any(_refers_outside(query, 0) for query in link.nodes("subselect"))


def _refers_outside(node: Node, depth: int) -> bool:
    """Return whether a column below the node belongs to a query more than ``depth`` levels up."""
    if node.kind == "VAR":
        return node.number("varlevelsup") > depth
    children = (child for name in node.fields for child in node.nodes(name))
    return any(_refers_outside(child, depth + (child.kind == "QUERY")) for child in children)


def _refuse_updated_with(query: Node) -> None:
    """
    Raise for a WITH in the FROM of an UPDATE or the USING of a DELETE.

    WITH clause, r_WITH_clause.html, mentions UPDATE only with a subquery of its WHERE.
    """
    for table in query.nodes("rtable"):
        if any(node.kind == "COMMONTABLEEXPR" for node in table.walk()):
            raise RedshiftError(UPDATED_WITH)


def _refuse_unjoined(query: Node, equalities: Collection[str]) -> None:
    """
    Raise for an UPDATE with an outer join in its FROM, as UPDATE, r_UPDATE.html, documents.

    Users report the same error if no column of the target must equal a column of another table. A
    column that is a constant does not count, because the planner may replace it with the constant.
    DELETE … USING, r_DELETE.html, is treated alike: its page does not rule this out.
    """
    target = query.number("resultRelation")
    [tree] = query.nodes("jointree")
    sources = tree.nodes("fromlist")
    if any(join.word("jointype") != INNER for join in _joins(sources)):
        raise RedshiftError(EQUIJOIN)
    if [source.number("rtindex") for source in sources] == [target]:
        return
    conditions = _conjuncts(tree.nodes("quals"))
    if not any(_joins_target(query, one, target, equalities) for one in conditions):
        raise RedshiftError(EQUIJOIN)


def _joins(sources: list[Node]) -> Iterator[Node]:
    for source in sources:
        if source.kind == "JOINEXPR":
            yield source
            yield from _joins(source.nodes("larg") + source.nodes("rarg"))


def _conjuncts(conditions: list[Node]) -> Iterator[Node]:
    for condition in conditions:
        if condition.kind == "BOOLEXPR" and condition.word("boolop") == "and":
            yield from _conjuncts(condition.nodes("args"))
        else:
            yield condition


def _joins_target(query: Node, condition: Node, target: int, equalities: Collection[str]) -> bool:
    if condition.kind != "OPEXPR" or condition.word("opno") not in equalities:
        return False
    sides = [_bare(side) for side in condition.nodes("args")]
    if any(side.kind != "VAR" or side.number("varlevelsup") for side in sides):
        return False
    tables = [side.number("varno") for side in sides]
    others = [side for side in sides if side.number("varno") != target]
    return target in tables and bool(others) and all(_is_column(query, one) for one in others)


def _bare(expression: Node) -> Node:
    """Return an expression without its type relabelings."""
    while expression.kind == "RELABELTYPE":
        [expression] = expression.nodes("arg")
    return expression


def _is_column(query: Node, variable: Node) -> bool:
    """Return whether a variable is a table's column rather than a constant."""
    source = query.nodes("rtable")[variable.number("varno") - 1]
    if source.word("rtekind") != SUBQUERY:
        return True
    [inner] = source.nodes("subquery")
    entries = inner.nodes("targetList")
    [selected] = entries[variable.number("varattno") - 1].nodes("expr")
    selected = _bare(selected)
    if selected.kind == "VAR" and not selected.number("varlevelsup"):
        return _is_column(inner, selected)
    return selected.kind != "CONST"
