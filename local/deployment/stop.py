"""``make stop``: stop everything that runs from this project's folder."""

import sys

from local.deployment.deployment import postgres_of, services_of
from local.deployment.layout import Layout
from local.deployment.lock import stop_holder
from local.terminal.errors import UserError


def main() -> int:
    """Stop ``make run``, what a killed one left behind, and PostgreSQL."""
    layout = Layout.here()
    try:
        stop_holder(layout.local / "lock")
        services_of(layout).stop()
        postgres_of(layout).stop()
    except UserError as error:
        print(error)
        return 1
    print("Nothing of this project is running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
