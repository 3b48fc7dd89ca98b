"""A measured run: ``python -m local.bench.child MODULE:FUNCTION ARGUMENTS FILE``."""

import gc
import importlib
import json
import sys
import time
from pathlib import Path


def main(call: str, arguments: str, file: str) -> None:
    """Prepare the work, time it and write the measurements to a file."""
    module, function = call.split(":")
    work = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    gc.collect()
    start = _memory_mb("VmRSS")
    began = time.perf_counter()
    outcome = work()
    seconds = time.perf_counter() - began
    run = {
        "seconds": seconds,
        "start_mb": start,
        "peak_mb": _memory_mb("VmHWM"),
        "outcome": outcome,
    }
    Path(file).write_text(json.dumps(run))


def _memory_mb(name: str) -> float:
    """Return the kernel's figure for this process; getrusage would include its parent's."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return 0.0
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith(name)]
    return round(int(kilobytes) / 1024, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
