"""Parse trees of statements, as PostgreSQL prints them with ``debug_print_parse``."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

TOKEN = re.compile(r'[{}()]|"(?:[^"\\]|\\.)*"|(?:[^\s{}()\\]|\\.)+', re.DOTALL)


@dataclass(frozen=True, eq=False)
class Node:
    """A node: its kind and its fields, which contain words, nodes and lists."""

    kind: str
    fields: dict[str, list["Item"]] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """Return the first word of a field, or an empty string."""
        found = self.fields.get(name, [])
        return found[0] if found and isinstance(found[0], str) else ""

    def number(self, name: str) -> int:
        """Return the number in a field."""
        return int(self.word(name) or 0)

    def nodes(self, name: str) -> list["Node"]:
        """Return the nodes in a field, including those in its lists."""
        return list(_nodes(self.fields.get(name, [])))

    def walk(self) -> Iterator["Node"]:
        """Yield the node and its descendants."""
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


def parse_tree(text: str) -> Node:
    """Parse the printed tree of a statement."""
    tokens = iter(TOKEN.findall(text))
    next(tokens)
    return _node(tokens)


def _node(tokens: Iterator[str]) -> Node:
    """Parse a node after its opening brace."""
    node = Node(next(tokens))
    name = ""
    for token in tokens:
        if token == "}":  # noqa: S105 - a brace
            break
        if token.startswith(":") and len(token) > 1:
            name = token[1:]
            node.fields[name] = []
        else:
            node.fields.setdefault(name, []).append(_item(token, tokens))
    return node


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
