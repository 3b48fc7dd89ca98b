"""``make package``: build the wheel, and plugins.zip for Amazon MWAA, in ``dist/``."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

TARGET = Path("dist")
FORMS = {"wheel": "*.whl", "sdist": "*.tar.gz"}
DATE = (2020, 2, 2, 0, 0, 0)
"""The date of every file in the zip, the same as hatchling's, for reproducible builds."""

NEXT = """\
To deploy to Amazon MWAA, with your environment's bucket for BUCKET:
  aws s3 cp dags s3://BUCKET/dags/sparkify --recursive --exclude "*" --include "*.py"
  aws s3 cp {plugins} s3://BUCKET/plugins.zip
  aws s3 cp requirements.txt s3://BUCKET/requirements.txt
Then update the environment to the new versions; docs/managed-airflow.md has the command.

Elsewhere, install the wheel where Airflow runs, and deploy dags/."""


def main() -> int:
    """Build both and print how to deploy them."""
    wheel, plugins = package(Path.cwd(), TARGET)
    print(f"Built {wheel} and {plugins}; both include the SQL.\n")
    print(NEXT.format(plugins=plugins))
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
