"""What a template raises is shown outside the group of log lines that the web UI folds."""

from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock, call

import jinja2
import pytest
from airflow.sdk.exceptions import AirflowFailException

from sparkify.operators.errors import VisibleErrorsMixin


class Templated(VisibleErrorsMixin):
    """An operator with a field."""

    template_fields: Sequence[str] = ("field",)

    def __init__(self, *, field: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.field = field


def rendered(setting: Mock, monkeypatch: pytest.MonkeyPatch) -> tuple[Templated, Mock]:
    monkeypatch.setattr(VisibleErrorsMixin, "log", log := Mock())
    task = Templated(task_id="task", field="{{ setting() }}")
    context: Any = {"setting": setting}
    try:
        task.render_template_fields(context, jinja2.Environment(autoescape=False))
    except AirflowFailException:
        log.error("raised")
    return task, log


def test_an_error_comes_after_the_end_of_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    _, log = rendered(Mock(side_effect=AirflowFailException("It must be a number.")), monkeypatch)
    assert log.mock_calls == [call.info("::endgroup::"), call.error("raised")]


def test_a_good_task_leaves_the_group_to_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    task, log = rendered(Mock(return_value="60"), monkeypatch)
    assert task.field == "60"
    assert log.mock_calls == []
