"""What a person at the terminal is told instead of a traceback."""


class Trouble(Exception):  # noqa: N818 - it names what the person has, not what the program did
    """
    Something that stands in the way: what is wrong, where, and what to do about it.

    :param message: complete sentences, printed as they are
    """


def last_lines(text: str, count: int = 12) -> str:
    """The end of a log, short enough to be read on a terminal."""
    return "\n".join(text.rstrip().splitlines()[-count:])
