"""The documents lead to each other, and nowhere else."""

import re
import shlex
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import get_session
from botocore.validate import ParamValidator

from sparkify.doctor.deployment import FOLDERS
from sparkify.macros import sql_files
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


def test_the_screen_of_the_doctor_counts_the_sql_files_that_there_are() -> None:
    files = sum(len(sql_files(folder)) for folder in FOLDERS)
    screen = (ROOT / "docs/redshift.md").read_text()
    assert f"sql: {files} files\n" in screen, f"Say there that the doctor finds {files} SQL files."


def commands() -> list[list[str]]:
    """The words of the commands for Redshift that docs/redshift.md tells one to run."""
    text = (ROOT / "docs/redshift.md").read_text().replace("\\\n", "")
    return [shlex.split(line) for line in re.findall(r"^aws (redshift.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_are_those_of_aws(words: list[str]) -> None:
    service, command, *arguments = words
    model = get_session().get_service_model(service)
    operation = next(name for name in model.operation_names if xform_name(name, "-") == command)
    shape = model.operation_model(operation).input_shape
    members = {f"--{xform_name(name, '-')}": name for name in shape.members}
    given: dict[str, object] = {}
    for option in re.split(r" (?=--)", " ".join(arguments)):
        name, *values = option.split()
        member = members[name.replace("--no-", "--")]
        kind = shape.members[member].type_name
        given[member] = {
            "boolean": not name.startswith("--no-"),
            "list": values,
        }.get(kind, int(values[0]) if kind in ("integer", "long") else "".join(values))
    assert not ParamValidator().validate(given, shape).generate_report()
