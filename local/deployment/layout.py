"""Paths of the project and its local state."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders and files of one checkout."""

    root: Path

    @classmethod
    def here(cls) -> "Layout":
        """Return the current checkout; whatever is created from now on is private to the user."""
        os.umask(0o077)
        layout = cls(Path.cwd())
        # Earlier versions created it readable for others.
        if layout.local.exists() and layout.local.stat().st_mode & 0o007:
            layout.local.chmod(0o700)
        return layout

    @property
    def local(self) -> Path:
        """Everything that ``make run`` creates, except the Python environment."""
        return self.root / ".local"

    @property
    def logs(self) -> Path:
        """One log per process; the task logs are in a subfolder."""
        return self.local / "logs"

    @property
    def task_logs(self) -> Path:
        """The folder of Airflow's task logs."""
        return self.logs / "tasks"

    @property
    def sample(self) -> Path:
        """The simulated source; the page and the ledger show this name."""
        return self.local / "simulated"

    @property
    def env(self) -> Path:
        """The file to source to reach this deployment."""
        return self.local / "env"

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.local / "report"

    @property
    def reader_password(self) -> Path:
        """The file of the password of BI tools."""
        return self.local / "reader-password"

    @property
    def passwords(self) -> Path:
        """The file of the web UI's login."""
        return self.local / "airflow" / "passwords.json"
