"""The documents lead to each other, and nowhere else."""

import re
from pathlib import Path

import pytest

from tests.support.environment import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def linked(document: Path) -> list[Path]:
    """The files and folders of this repository that a document links."""
    return [(document.parent / link).resolve() for link in LINK.findall(document.read_text())]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    assert [target for target in linked(document) if not target.exists()] == []


def test_the_readme_leads_to_every_document() -> None:
    found: set[Path] = set()
    ahead = {ROOT / "README.md"}
    while ahead:
        document = ahead.pop()
        found.add(document)
        for target in linked(document):
            ahead |= set(target.glob("*.md")) if target.is_dir() else {target}
        ahead = {file for file in ahead if file.suffix == ".md"} - found
    assert sorted(set(DOCUMENTS) - found) == []
