"""The floors of the package: what each of them may import, so that a line is found by its path."""

import ast
from pathlib import Path

import pytest

from tests.support.environment import ROOT

PACKAGE = ROOT / "plugins" / "sparkify"

# Each floor with those below it that it may use; the modules beside the packages are floors, too.
EVERYWHERE = {"settings", "window"}
ENGINES = EVERYWHERE | {"warehouse"}
MAY_IMPORT = {
    "__version__": set[str](),
    "settings": set[str](),
    "mojibake": set[str](),
    "versions": set[str](),
    "deadline": {"versions"},
    "dictionary": set[str](),
    "window": {"settings"},
    "warehouse": {"settings"},
    "checks": {"warehouse"},
    "sources": EVERYWHERE,
    "records": EVERYWHERE | {"sources"},
    "staging": ENGINES | {"__version__", "sources", "records"},
    "macros": ENGINES | {"sources", "staging"},
    "lineage": ENGINES | {"macros", "staging"},
    "runs": ENGINES | {"macros", "mojibake", "sources"},
    "page": ENGINES | {"dictionary", "macros"},
    "doctor": ENGINES | {"__version__", "checks", "macros", "sources", "staging", "versions"},
    "operators": ENGINES
    | {"checks", "dictionary", "doctor", "lineage", "macros", "mojibake", "page", "records"}
    | {"runs", "sources", "staging"},
    "cli": ENGINES | {"doctor", "macros", "runs", "sources", "versions"},
}
FILES = sorted(PACKAGE.rglob("*.py"))
VERSION = {"airflow.__version__", "airflow.version"}


def imported(file: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A name may be a module itself: from sparkify import settings.
            found |= {f"{node.module}.{name.name}" for name in node.names} | {str(node.module)}
            assert not node.level, f"{file}: name the package, no relative import"
    return found


def floor(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> dict[str, set[str]]:
    """Each module of the package, with those of the package that it imports."""
    names = {
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): file
        for file in FILES
    }
    return {name: imported(file) & names.keys() - {name} for name, file in names.items()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down(file: Path) -> None:
    here = floor(file)
    if here == "__init__":
        assert not {name for name in imported(file) if name.startswith("sparkify")}
        return
    assert here in MAY_IMPORT, (
        f"{file.relative_to(ROOT)} stands beside the packages: put it into the one that it belongs "
        f"to ({', '.join(sorted(MAY_IMPORT))})."
    )
    used = {name.split(".")[1] for name in imported(file) if name.startswith("sparkify.")}
    wrong = used - MAY_IMPORT[here] - {here}
    assert not wrong, (
        f"{file.relative_to(ROOT)} imports {', '.join(sorted(wrong))}; {here} may import only "
        f"{', '.join(sorted(MAY_IMPORT[here])) or 'nothing of the package'}."
    )
    models = {name for name in imported(file) if name.startswith("airflow.models")}
    assert here == "cli" or not models, f"Only cli may import {', '.join(sorted(models))}."


def test_one_module_knows_the_versions_of_airflow() -> None:
    knows = [file.relative_to(ROOT).as_posix() for file in FILES if VERSION & imported(file)]
    assert knows == ["plugins/sparkify/versions.py"], "Say there what differs, and until when."


def test_no_module_imports_itself_by_way_of_others() -> None:
    uses, done = modules(), set[str]()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"A circle: {' -> '.join([*path, module])}"
        if module not in done:
            for other in sorted(uses[module]):
                visit(other, (*path, module))
            done.add(module)

    for module in sorted(uses):
        visit(module, ())


def test_the_packages_floors_have_no_circle() -> None:
    order: list[str] = []
    while left := MAY_IMPORT.keys() - set(order):
        ready = sorted(name for name in left if MAY_IMPORT[name] <= set(order))
        assert ready, f"None of {', '.join(sorted(left))} comes first."
        order += ready
