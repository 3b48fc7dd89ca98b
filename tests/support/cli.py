"""Airflow's CLI, called several times in one process."""

import re
import subprocess
import sys
from threading import Timer

# Each line is a command line.
CALLS = """
import sys
from airflow.__main__ import main

for command in sys.stdin:
    sys.argv = ["airflow", *command.split()]
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    print(f"ended with {status}", flush=True)
"""


class Cli:
    """The CLI, several calls of which are one process: each would first import for seconds."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALLS],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "Cli":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()

    def call(self, *arguments: str) -> tuple[int, str]:
        """The exit status of a call, and what it said."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{' '.join(arguments)}\n")
        self.process.stdin.flush()
        said = ""
        patience = Timer(180, self.process.kill)
        patience.start()
        try:
            for line in self.process.stdout:
                if ended := re.fullmatch(r"ended with (\d+)\n", line):
                    return int(ended[1]), said
                said += line
        finally:
            patience.cancel()
        raise AssertionError(f"It did not end:\n{said}")
