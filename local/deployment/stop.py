"""``make stop``: ends everything that runs from this project's folder."""

import sys

from local.deployment.deployment import postgres_of, services_of
from local.deployment.layout import Layout
from local.deployment.lock import end_holder
from local.terminal.errors import Trouble


def main() -> int:
    """End a ``make run``, what one that was killed left behind, and PostgreSQL."""
    layout = Layout.here()
    try:
        end_holder(layout.local / "lock")
        services_of(layout).end()
        postgres_of(layout).stop()
    except Trouble as trouble:
        print(trouble)
        return 1
    print("Nothing of this project is running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
