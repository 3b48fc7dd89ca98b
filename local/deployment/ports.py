"""The web UI's port: the one that was asked for, or a free one."""

import socket
from contextlib import suppress

import psutil

from local.deployment.environment import HOST
from local.terminal.errors import Trouble

USUAL = range(8080, 8100)


def choose_port(wanted: str | None) -> int:
    """The port to listen on; one that was named must be free, without a name any free one does."""
    if not wanted:
        return next((port for port in USUAL if is_free(port)), any_free())
    if not (wanted.isdigit() and 0 < int(wanted) < 65536):
        raise Trouble(f"PORT={wanted} is not a port: give a number from 1 to 65535.")
    port = int(wanted)
    if not is_free(port):
        raise Trouble(
            f"Port {port} is taken{_by_whom(port)}. End that program, choose another port "
            f"(make run PORT={port + 1}), or leave PORT out: then a free one is taken."
        )
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port."""
    with socket.socket() as listener:
        # Connections that were just closed do not keep a server from starting.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A free port, as the system chooses it."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _by_whom(port: int) -> str:
    # Whose process it is may be told to root only; the message is good without it.
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.pid
            if listens and connection.laddr.port == port:
                name = psutil.Process(connection.pid).name()
                return f" by {name} (process {connection.pid})"
    return ""
