"""Examinations stand alone, and hide what nobody must see."""

import json
from contextlib import suppress
from typing import Any

import pytest

from sparkify.doctor.examination import (
    CannotTellError,
    DoesNotHoldError,
    Examination,
    Verdict,
    examination,
    examine,
    summary,
)
from sparkify.doctor.examinations import examinations
from sparkify.doctor.statements import forms
from sparkify.doctor.subject import Subject
from tests.support.environment import ROOT


def made(name: str, *needs: Examination, raises: Exception | None = None) -> Examination:
    def run(_: Subject) -> str:
        if raises:
            raise raises
        return "found"

    return Examination(name, f"{name} is right.", run, "mend it.", needs)


def test_what_raises_does_not_hold_and_what_needs_it_cannot_be_told() -> None:
    good = made("good")
    odd = made("odd", raises=ZeroDivisionError("by\nzero"))
    needy = made("needy", odd, good)
    absent = made("absent", raises=CannotTellError("it is not there", "bring it."))
    wrong = made("wrong", raises=DoesNotHoldError("It is wrong."))
    found = list(examine([good, odd, needy, absent, wrong], Subject()))
    assert [str(one) for one in found] == [
        "holds           good: found",
        "does not hold   odd: odd is right. Instead: by. What to do: mend it.",
        "cannot be told  needy: it needs: odd.",
        "cannot be told  absent: it is not there. What to do: bring it.",
        "does not hold   wrong: wrong is right. Instead: It is wrong. What to do: mend it.",
    ]
    assert summary(found) == "1 hold, 2 do not hold, 2 cannot be told."


def test_a_function_is_an_examination_of_what_its_docstring_says() -> None:
    @examination(fix="do.")
    def this(_: Subject) -> str:
        """This holds,
        and more.
        """
        return ""

    finding = this.run(Subject())
    assert finding == ("this", Verdict.HOLDS, "This holds, and more.")


LEAKS = [
    ("the password is S3cret/+pass", "the password is ***"),
    ("postgres://x:S3cret%2F%2Bpass@db", "postgres://x:***@db"),
    ("the token+of=it in a text", "the *** in a text"),
    ('authentication failed for user "sparkify"', "authentication failed for user ***"),
    ('role "sparkify" does not exist', "role *** does not exist"),
    ("permission denied for user sparkify", "permission denied for user ***"),
    ("set sparkify_source in the DAG sparkify", "set sparkify_source in the DAG sparkify"),
    ("key AKIAIOSFODNN7EXAMPLE", "key ***"),
    (
        "User: arn:aws:iam::123456789012:user/ada is not",
        "User: arn:aws:iam::123456789012:user/*** is not",
    ),
    ("arn:aws:iam::123456789012:role/copy is not", "arn:aws:iam::123456789012:role/copy is not"),
]


@pytest.mark.parametrize(("text", "shown"), LEAKS)
def test_secrets_and_users_are_hidden(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: dict[str, dict[str, Any]] = {
        "WAREHOUSE": {"conn_type": "postgres", "login": "sparkify", "password": "S3cret/+pass"},
        "S3": {
            "conn_type": "aws",
            "login": "AKIAIOSFODNN7EXAMPLE",
            "extra": {"aws_session_token": "token+of=it", "region": "eu-west-1"},
        },
    }
    for name, fields in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_SPARKIFY_{name}", json.dumps(fields))
    with Subject() as subject:
        assert subject.hide(text) == shown


def test_whatever_was_made_is_removed_the_last_first_and_what_is_left_is_named() -> None:
    removed: list[str] = []

    def refuse() -> None:
        raise OSError("denied")

    with suppress(KeyboardInterrupt), Subject() as subject:
        subject.remove_later("a", lambda: removed.append("a"))
        subject.remove_later("b", refuse)
        subject.remove_later("c", lambda: removed.append("c"))
        raise KeyboardInterrupt
    assert removed == ["c", "a"]
    with Subject() as subject:
        subject.remove_later("b", refuse)
        assert subject.clean() == ["b (denied)"]


def test_every_examination_says_what_it_establishes_and_is_documented() -> None:
    made = examinations()
    assert len({one.name for one in made}) == len(made)
    documented = (ROOT / "docs/redshift.md").read_text()
    for one in made:
        assert one.establishes.endswith("."), f"{one.name}: say in a sentence what holds."
        assert f"`{one.name}`" in documented, f"List {one.name} in docs/redshift.md."
        assert {need.name for need in one.needs} <= {other.name for other in made}


def test_every_form_says_what_to_do() -> None:
    assert forms()
    for one in forms():
        assert one.fix.endswith("."), f"{one.name}: say in its head what relies on it."
