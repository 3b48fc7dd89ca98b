"""Where the project and its local state are."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders and files of one checkout."""

    root: Path

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
        """The simulated source."""
        return self.local / "sample"

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
