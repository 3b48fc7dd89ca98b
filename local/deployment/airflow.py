"""
Airflow's command, which starts sooner than ``python -m airflow``.

A process of Airflow's imports a thousand modules, and its API server makes a thousand routes. By
default Python's garbage collector goes through them again and again, a fifth of the time.
"""

import gc
import sys

COLLECTED_AFTER = 10_000
"""How many new objects start the garbage collector; Python's default is 700."""


def main() -> None:
    """Run ``airflow`` with this program's arguments."""
    gc.set_threshold(COLLECTED_AFTER)
    from airflow.__main__ import main as airflow

    sys.argv[0] = "airflow"
    airflow()  # type: ignore[no-untyped-call]  # Airflow's is not annotated


if __name__ == "__main__":
    main()
