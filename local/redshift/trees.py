"""A statement as PostgreSQL has understood it: the tree that ``debug_print_parse`` prints."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

TOKEN = re.compile(r'[{}()]|"(?:[^"\\]|\\.)*"|(?:[^\s{}()\\]|\\.)+', re.DOTALL)


@dataclass(frozen=True, eq=False)
class Node:
    """One node: its kind, and what each of its fields holds: words, nodes and lists of them."""

    kind: str
    fields: dict[str, list["Item"]] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """The first word of a field; nothing where it has none."""
        found = self.fields.get(name, [])
        return found[0] if found and isinstance(found[0], str) else ""

    def number(self, name: str) -> int:
        """A field that is a number."""
        return int(self.word(name) or 0)

    def nodes(self, name: str) -> list["Node"]:
        """The nodes of a field, or of the list that it is."""
        return list(_nodes(self.fields.get(name, [])))

    def walk(self) -> Iterator["Node"]:
        """The node and all below it."""
        yield self
        for name in self.fields:
            for child in self.nodes(name):
                yield from child.walk()


Item = str | Node | list["Item"]


def _nodes(items: Sequence[Item]) -> Iterator[Node]:
    for item in items:
        if isinstance(item, Node):
            yield item
        elif isinstance(item, list):
            yield from _nodes(item)


def tree(text: str) -> Node:
    """The tree of a statement."""
    tokens = iter(TOKEN.findall(text))
    next(tokens)
    return _node(tokens)


def _node(tokens: Iterator[str]) -> Node:
    """A node, whose brace is read."""
    made = Node(next(tokens))
    name = ""
    for token in tokens:
        if token == "}":  # noqa: S105 - a brace
            break
        if token.startswith(":") and len(token) > 1:
            name = token[1:]
            made.fields[name] = []
        else:
            made.fields.setdefault(name, []).append(_item(token, tokens))
    return made


def _item(token: str, tokens: Iterator[str]) -> Item:
    if token == "{":  # noqa: S105 - a brace
        return _node(tokens)
    if token == "(":  # noqa: S105 - a parenthesis
        found: list[Item] = []
        for inner in tokens:
            if inner == ")":
                break
            found.append(_item(inner, tokens))
        return found
    return token
