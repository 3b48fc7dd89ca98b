"""Where the project and its local state are."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders and files of one checkout."""

    root: Path

    @classmethod
    def here(cls) -> "Layout":
        """The checkout that a command was given in; whatever it makes is its user's alone."""
        os.umask(0o077)
        layout = cls(Path.cwd())
        # What an earlier version made was not.
        if layout.local.exists() and layout.local.stat().st_mode & 0o007:
            layout.local.chmod(0o700)
        return layout

    @property
    def local(self) -> Path:
        """Everything that ``make run`` makes, but the Python environment."""
        return self.root / ".local"

    @property
    def logs(self) -> Path:
        """One file per process; the tasks' logs are in a folder of it."""
        return self.local / "logs"

    @property
    def task_logs(self) -> Path:
        """The folder in which Airflow files what a task said."""
        return self.logs / "tasks"

    @property
    def sample(self) -> Path:
        """The simulated source: the page and every ledger entry name it by this name."""
        return self.local / "simulated"

    @property
    def env(self) -> Path:
        """The file to source, after which everything reaches this deployment."""
        return self.local / "env"

    @property
    def report(self) -> Path:
        """The folder of what the page says as a file."""
        return self.local / "report"

    @property
    def passwords(self) -> Path:
        """The file from which the web UI's login is read."""
        return self.local / "airflow" / "passwords.json"
