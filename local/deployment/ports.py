"""Ports: the requested one, or a free one."""

import socket
from contextlib import suppress

import psutil

from local.servers.postgres import HOST
from local.terminal.errors import UserError

PREFERRED = range(8080, 8100)


def choose_port(wanted: str | None) -> int:
    """Return the requested port, which must be free, or else any free port."""
    if not wanted:
        return next((port for port in PREFERRED if is_free(port)), free_port())
    return requested_port("PORT", wanted, "leave out PORT to use a free one")


def requested_port(option: str, wanted: str, otherwise: str, ours: int | None = None) -> int:
    """
    Return the port that an option requests; raise if it is taken.

    :param otherwise: what else the user may do
    :param ours: a port that may be taken, by what this deployment runs already
    """
    if not (wanted.isdigit() and 0 < int(wanted) < 65536):
        raise UserError(f"{option}={wanted} is not a port: use a number from 1 to 65535.")
    port = int(wanted)
    if port != ours and not is_free(port):
        raise UserError(
            f"Port {port} is taken{_owner(port)}. Stop that program, choose another port "
            f"(make run {option}={port + 1}), or {otherwise}."
        )
    return port


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port."""
    with socket.socket() as listener:
        # As servers do: recently closed connections must not block the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a free port, chosen by the system."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _owner(port: int) -> str:
    # Some systems show this to root only; the message also works without it.
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.pid
            if listens and connection.laddr.port == port:
                name = psutil.Process(connection.pid).name()
                return f" by {name} (process {connection.pid})"
    return ""
