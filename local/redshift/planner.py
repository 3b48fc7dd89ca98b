"""
What Redshift's planner refuses, told by the tree of a statement: what text alone cannot tell.

Each rule names its page of the Amazon Redshift Database Developer Guide, which is at
https://docs.aws.amazon.com/redshift/latest/dg/
"""

from collections.abc import Collection, Iterator

from local.redshift.refusals import Refused
from local.redshift.trees import Node

CORRELATED = "This type of correlated subquery pattern is not supported yet"
EQUIJOIN = "Target table must be part of an equijoin predicate"
NESTED_WITH = "WITH clause inside of a WITH clause is not supported"
ROWS = "ROW expressions are not supported"

UPDATE, DELETE = "2", "4"
INNER, SUBQUERY = "0", "1"
"""How PostgreSQL numbers commands, joins and sources of rows."""


def refuse_plan(statement: Node, equalities: Collection[str]) -> None:
    """
    Raise for what Redshift's planner would refuse.

    :param equalities: the operators named ``=``, by their numbers
    """
    for node in statement.walk():
        if node.kind in RULES:
            RULES[node.kind](node)
        if node.kind == "QUERY" and node.word("commandType") in (UPDATE, DELETE):
            _refuse_unjoined(node, equalities)


def _refuse_skipped_level(variable: Node) -> None:
    """Correlated subqueries, r_correlated_subqueries.html: no reference skips a query block."""
    if variable.number("varlevelsup") > 1:
        raise Refused(CORRELATED)


def _refuse_correlated_join(join: Node) -> None:
    """The same page: no correlated subquery stands in an ON; it says so of outer joins."""
    for condition in join.nodes("quals"):
        for node in condition.walk():
            if node.kind == "SUBLINK" and _is_correlated(node):
                raise Refused(CORRELATED)


def _refuse_correlated_window(link: Node) -> None:
    """The same page: no correlated subquery holds a window function."""
    has_window = any(query.word("hasWindowFuncs") == "true" for query in link.nodes("subselect"))
    if has_window and _is_correlated(link):
        raise Refused(CORRELATED)


def _refuse_nested_with(table: Node) -> None:
    """WITH clause, r_WITH_clause.html, does not mention one in another: not to be relied on."""
    if any(node.kind == "COMMONTABLEEXPR" for node in table.walk() if node is not table):
        raise Refused(NESTED_WITH)


def _refuse_row(row: Node) -> None:  # noqa: ARG001 - that there is one says it
    """Data types, c_Supported_data_types.html: there is no composite one."""
    raise Refused(ROWS)


RULES = {
    "VAR": _refuse_skipped_level,
    "JOINEXPR": _refuse_correlated_join,
    "SUBLINK": _refuse_correlated_window,
    "COMMONTABLEEXPR": _refuse_nested_with,
    "ROWEXPR": _refuse_row,
    "ROWCOMPAREEXPR": _refuse_row,
}


def _is_correlated(link: Node) -> bool:
    """Whether a subquery refers to what is around it."""
    return any(_escaping(query, 0) for query in link.nodes("subselect"))


def _escaping(node: Node, depth: int) -> bool:
    """Whether a column below the node belongs to a query more than so many levels up."""
    if node.kind == "VAR":
        return node.number("varlevelsup") > depth
    children = (child for name in node.fields for child in node.nodes(name))
    return any(_escaping(child, depth + (child.kind == "QUERY")) for child in children)


def _refuse_unjoined(query: Node, equalities: Collection[str]) -> None:
    """
    UPDATE, r_UPDATE.html: no outer join stands in its FROM.

    Users report the same error where no column of the target is equal to one of another table. What
    is a constant there is none: the planner may put the constant in its place. No page says that it
    is so in the USING of a DELETE, r_DELETE.html, too: better not to rely on the contrary.
    """
    target = query.number("resultRelation")
    [tree] = query.nodes("jointree")
    sources = tree.nodes("fromlist")
    if any(join.word("jointype") != INNER for join in _joins(sources)):
        raise Refused(EQUIJOIN)
    if [source.number("rtindex") for source in sources] == [target]:
        return
    conditions = _conjuncts(tree.nodes("quals"))
    if not any(_joins_target(query, one, target, equalities) for one in conditions):
        raise Refused(EQUIJOIN)


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
    """What is compared, whatever type it is taken for."""
    while expression.kind == "RELABELTYPE":
        [expression] = expression.nodes("arg")
    return expression


def _is_column(query: Node, variable: Node) -> bool:
    """Whether a variable is not a constant in the end."""
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
