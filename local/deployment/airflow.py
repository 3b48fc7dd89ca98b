"""
Airflow's command, which starts sooner than ``python -m airflow``.

A process of Airflow's imports a thousand modules, and its API server makes a thousand routes. By
default Python looks for garbage among them again and again, which takes it a fifth of that time.
"""

import gc
import sys

LOOKS_FOR_GARBAGE = 10_000
"""After so many new objects; Python's default is 700."""


def main() -> None:
    """Run ``airflow`` with this program's arguments."""
    gc.set_threshold(LOOKS_FOR_GARBAGE)
    from airflow.__main__ import main as airflow

    sys.argv[0] = "airflow"
    airflow()  # type: ignore[no-untyped-call]  # Airflow's is not annotated


if __name__ == "__main__":
    main()
