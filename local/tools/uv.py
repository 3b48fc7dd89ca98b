"""uv, wherever it is: on the path or, as `make` installs it, beside Python."""

import os
import shutil
import sys
from pathlib import Path

from local.terminal.errors import UserError


def find_uv() -> str:
    """Return the path of uv; raise if there is none."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = shutil.which("uv", path=path)
    if found is None:
        raise UserError("uv was not found: install it with `pip install uv`.")
    return found
