"""Examinations of the forms of statements that the loads rely on, each with tables of its own."""

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any

from sparkify.checks import Check
from sparkify.doctor.examination import DoesNotHoldError, Examination, examination
from sparkify.doctor.subject import Subject
from sparkify.doctor.warehouse import login, rights
from sparkify.macros import MACROS, environment, sql_files
from sparkify.warehouse import insert_rows

FOLDER = "doctor"
"""The folder of ``sql/`` with a file per form."""

EXAMPLES = 3

QUEUE_SECONDS = 0.5
"""How long a writer is made to wait for another one."""

REPORT = "Do not load; report what the warehouse says."

TEXTS = [
    (1, "Björk, ☃", datetime(1999, 12, 31, 23, 59, 59, 796_000)),  # noqa: DTZ001 - naive, in UTC
    (2, "a 'quoted' \"text\" \\ of\ntwo lines", None),
    (3, "trailing blanks  ", None),
    (4, None, None),
]


@examination(
    needs=[rights],
    fix="Let the connection's user create tables, as docs/managed-airflow.md shows.",
)
def scratch(subject: Subject) -> str:
    """There is a place for the tables of the examinations."""
    [may_create] = subject.row("select has_database_privilege(current_database(), 'create')")
    if not may_create:
        return "the current schema, under names of their own"
    subject.remove_later(
        f"schema {subject.name}",
        partial(subject.run, f"drop schema if exists {subject.name} cascade"),
    )
    subject.run(f"create schema {subject.name}")
    subject.schema = subject.name
    return "a schema of their own"


@examination(needs=[login], fix=REPORT)
def texts(subject: Subject) -> str:
    """Texts and nulls that are inserted as parameters are read as they were."""
    with subject.rolled_back() as cursor:
        cursor.execute(
            "create temp table doctor_texts (number integer, name varchar(64), moment timestamp)"
        )
        insert_rows(subject.engine, cursor, "doctor_texts", "number, name, moment", TEXTS)
        cursor.execute("select number, name, moment from doctor_texts order by number")
        read = [tuple(row) for row in cursor.fetchall()]
        cursor.execute(
            "select count(*) from doctor_texts where octet_length(name) > char_length(name)"
        )
        [count] = cursor.fetchone()
    if changed := [row for row in zip(TEXTS, read, strict=True) if row[0] != row[1]]:
        raise DoesNotHoldError(f"{changed[0][0]!r} was read as {changed[0][1]!r}.")
    if count != 1:
        raise DoesNotHoldError(f"{count} of these texts are longer in bytes than in characters.")
    return ""


@examination(needs=[scratch], fix=REPORT)
def turns(subject: Subject) -> str:
    """A writer that waits for its turn then sees what the one before it has committed."""
    table = subject.scratch("turns")
    subject.remove_later(f"table {table}", partial(subject.run, f"drop table if exists {table}"))
    subject.run(f"create table {table} (number integer)")
    session = subject.connect()
    with ThreadPoolExecutor(1) as threads, subject.rolled_back() as cursor:
        cursor.execute(f"lock table {table}")
        second = threads.submit(_count_in_turn, session, table)
        try:
            waited = not wait([second], QUEUE_SECONDS).done
            cursor.execute(f"insert into {table} (number) values (1)")
        finally:
            # So that the second writer does not wait in vain.
            subject.session.commit()
        seen = second.result()
    if not waited:
        raise DoesNotHoldError("The second of two writers did not wait.")
    if seen != 1:
        raise DoesNotHoldError(f"The second of two writers saw {seen} of 1 row.")
    return ""


def _count_in_turn(session: Any, table: str) -> Any:
    with closing(session.cursor()) as cursor:
        cursor.execute(f"lock table {table}")
        cursor.execute(f"select count(*) from {table}")
        [count] = cursor.fetchone()
    session.rollback()
    return count


def forms() -> list[Examination]:
    """Return an examination for each file of the folder."""
    return [form(name) for name in sql_files(FOLDER)]


def form(name: str) -> Examination:
    """
    Return the examination of a file: statements, the last of which selects what is not as expected.

    Its head is that of a check.
    """
    source, _, _ = environment().loader.get_source(environment(), f"{FOLDER}/{name}.sql")  # type: ignore[union-attr]  # it is made with one
    head = Check(name, source)
    uses_scratch = "scratch(" in source
    return Examination(
        name,
        head.description,
        partial(_run, f"{FOLDER}/{name}.sql"),
        head.advice,
        [scratch if uses_scratch else rights],
    )


def _run(file: str, subject: Subject) -> str:
    text = environment().get_template(file).render(MACROS | {"scratch": subject.scratch})
    with subject.rolled_back() as cursor:
        for statement in text.split(";\n\n"):
            cursor.execute(statement)
        wrong = [
            ", ".join(
                f"{column[0]} {value}"
                for column, value in zip(cursor.description, row, strict=True)
            )
            for row in cursor.fetchall()
        ]
    if wrong:
        raise DoesNotHoldError(f"{'; '.join(wrong[:EXAMPLES])}.")
    return ""
