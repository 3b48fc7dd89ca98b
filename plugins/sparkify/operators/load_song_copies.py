"""Loads the catalogue's mirror, file by file."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sparkify.operators.load_fact import LoadFactOperator


class LoadSongCopiesOperator(LoadFactOperator):
    """
    Replace what some files hold, and say which files were left to a run that read them later.

    :param left: SELECT of those files' names, or its ``.sql`` file (templated)
    """

    template_fields: Sequence[str] = ("left", *LoadFactOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "left": "sql",
        **LoadFactOperator.template_fields_renderers,
    }

    def __init__(self, *, left: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.left = left

    def outcome(self, cursor: Any) -> None:
        """Say it."""
        cursor.execute(self.left)
        if names := [name for (name,) in cursor.fetchall()]:
            self.log.warning(
                "Another run has read %s of the files since, such as %s. What it found stays.",
                len(names),
                names[0],
            )
