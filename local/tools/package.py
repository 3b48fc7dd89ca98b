"""``make package``: build the wheel, and plugins.zip and requirements.txt for Amazon MWAA."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from local.terminal.errors import UserError

TARGET = Path("dist")
FORMS = {"wheel": "*.whl", "sdist": "*.tar.gz"}
DATE = (2020, 2, 2, 0, 0, 0)
"""The date of every file in the zip, the same as hatchling's, for reproducible builds."""

MWAA = {"3.2.1": "3.12", "3.3.1": "3.12"}
"""The Airflows of Amazon MWAA on which the requirements can be installed, and their Python."""
CONSTRAINT = (
    '--constraint "https://raw.githubusercontent.com/apache/airflow/'
    'constraints-{airflow}/constraints-{python}.txt"'
)
NEXT = """\
To deploy to Amazon MWAA {airflow}, with your environment's bucket for BUCKET:
  aws s3 cp dags s3://BUCKET/dags/sparkify --recursive --exclude "*" --include "*.py"
  aws s3 cp {plugins} s3://BUCKET/plugins.zip
  aws s3 cp {requirements} s3://BUCKET/requirements.txt
Then update the environment to the new versions; docs/managed-airflow.md has the command.

Elsewhere, install the wheel where Airflow runs, and deploy dags/."""


def main() -> int:
    """Build them all and print how to deploy them."""
    airflow = os.environ.get("MWAA", list(MWAA)[-1])
    try:
        requirements = write_requirements(Path.cwd(), TARGET, airflow)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    wheel, plugins = package(Path.cwd(), TARGET)
    print(f"Built {wheel} and {plugins}; both include the SQL.\n")
    print(NEXT.format(airflow=airflow, plugins=plugins, requirements=requirements))
    return 0


def package(root: Path, target: Path) -> tuple[Path, Path]:
    """Build the wheel and plugins.zip in a folder, replacing earlier builds."""
    wheel = build(root, target, "wheel")
    return wheel, zip_plugins(root / "plugins", wheel, target / "plugins.zip")


def build(root: Path, target: Path, form: str) -> Path:
    """Build the project's ``wheel`` or ``sdist`` in a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "--clean", "--target", form]
    completed = subprocess.run(
        [*command, "--directory", target.resolve()],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    )
    if completed.returncode:
        sys.exit(f"hatchling could not build the {form}:\n{completed.stderr}")
    # --clean has removed earlier versions.
    [built] = target.glob(FORMS[form])
    return built


def write_requirements(root: Path, target: Path, airflow: str) -> Path:
    """Write the requirements for an Airflow of Amazon MWAA, which wants a constraint first."""
    if airflow not in MWAA:
        raise UserError(f"MWAA={airflow} is none of {', '.join(MWAA)}, which have been tried.")
    constraint = CONSTRAINT.format(airflow=airflow, python=MWAA[airflow])
    target.mkdir(exist_ok=True)
    written = target / "requirements.txt"
    written.write_text(f"{constraint}\n{(root / 'requirements.txt').read_text()}")
    return written


def zip_plugins(folder: Path, wheel: Path, target: Path) -> Path:
    """Zip a plugins folder: the package as in the wheel, and Airflow's plugins."""
    with ZipFile(wheel) as built:
        content = {name: built.read(name) for name in built.namelist() if ".dist-info/" not in name}
    # Without .airflowignore the plugin manager would execute every module of the package.
    for file in (folder / ".airflowignore", *folder.glob("*.py")):
        content[file.name] = file.read_bytes()
    with ZipFile(target, "w") as zipped:
        for name, data in sorted(content.items()):
            entry = ZipInfo(name, DATE)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            zipped.writestr(entry, data)
    return target


if __name__ == "__main__":
    sys.exit(main())
