"""Errors that are shown to the user as a message instead of a traceback."""


class UserError(Exception):
    """
    A problem that the user can solve: what is wrong, where, and what to do about it.

    :param message: complete sentences, printed as they are
    """


def last_lines(text: str, count: int = 12) -> str:
    """Return the end of a log, short enough for a terminal."""
    return "\n".join(text.rstrip().splitlines()[-count:])
