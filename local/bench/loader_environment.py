"""The Python environment of the other loaders."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.bench.bench import Bench, Skipped
from local.terminal.errors import last_lines

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def other_loaders_python(bench: Bench) -> str:
    """Return its interpreter; the first call creates it."""
    folder = bench.folder / "others"
    python = folder / "bin" / "python"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        with bench.screen.step("Installing the other loaders"):
            _install(folder, python)
        stamp.write_text(REQUIREMENTS.read_text())
    return str(python)


def _install(folder: Path, python: Path) -> None:
    _call([sys.executable, "-m", "venv", "--clear", str(folder)])
    if uv := shutil.which("uv"):
        installer = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        installer = [str(python), "-m", "pip", "install", "--quiet"]
    _call([*installer, "-r", str(REQUIREMENTS)])


def _call(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if child.returncode:
        reason = last_lines(child.stdout + child.stderr, 3)
        raise Skipped(f"Skipped, because the other loaders cannot be installed: {reason}")
