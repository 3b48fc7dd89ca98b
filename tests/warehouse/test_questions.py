"""Each question, asked of a world that is small enough to check by hand."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from airflow.sdk import DAG

from local.tools.pipeline import Pipeline
from sparkify.page.questions import Filters, query, questions
from sparkify.page.warehouse import reading
from tests.support.environment import ROOT
from tests.support.questions import EVENTS
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

Answers = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def answers(pipeline: Pipeline, source: TestSource, warehouse: Warehouse) -> Answers:
    source.events(*EVENTS)
    source.songs(song("SO1"), song("SO2", title="Undo", artist_id="ARB", artist_name="Björk"))
    pipeline.run("2018-11-05", "2018-11-15")

    def ask(view: str) -> list[tuple[Any, ...]]:
        rows = warehouse.rows(f"select * from {view}")
        assert {row[-1] for row in rows} <= {datetime(2018, 11, 15)}, "what the data is as of"
        return [row[:-1] for row in rows]

    return ask


def test_what_is_played_most(answers: Answers) -> None:
    # Under its title and artist the catalogue has Undo, though not of this duration.
    assert answers("most_played_songs") == [
        ("Undo", "Björk", 4, "SO2"),
        ("First Light", "The Testers", 2, "SO1"),
    ]
    assert answers("most_played_artists") == [
        ("Björk", 4, 1, "ARB"),
        ("The Testers", 2, 1, "ARTEST01"),
    ]


def test_what_rises(answers: Answers) -> None:
    # From Wednesday 7th to Tuesday 13th three plays, in the seven days before one.
    assert answers("rising_songs") == [("Undo", "Björk", 3, 1, 2)]


def test_what_there_is(answers: Answers, source: TestSource) -> None:
    first, last = datetime(2018, 11, 5, 10), datetime(2018, 11, 13, 23)
    # Of six of the ten days there was no file.
    [(*counted, seen_at, source_url)] = answers("what_is_loaded")
    assert counted == [first, last, 6, 2, 6 * 24]
    assert abs(datetime.now(UTC).replace(tzinfo=None) - seen_at) < timedelta(minutes=5)
    assert source_url == source.url
    assert answers("totals") == [(6, 2, 3, Decimal("2.0"))]


def test_when_people_listen(answers: Answers) -> None:
    assert answers("plays_by_weekday_and_hour") == [(1, 10, 3), (1, 11, 2), (2, 23, 1)]
    assert answers("plays_by_day") == [
        (date(2018, 11, 5), 2, 2, 0),
        (date(2018, 11, 12), 3, 1, 2),
        (date(2018, 11, 13), 1, 0, 1),
    ]


def test_who_listens(answers: Answers) -> None:
    assert answers("active_users") == [
        ("day", date(2018, 11, 5), 1, False, 1, 1),
        ("day", date(2018, 11, 12), 1, False, 1, 1),
        ("day", date(2018, 11, 13), 1, False, 1, 1),
        # Of four days there is a file: the 14th has no play, but is counted.
        ("month", date(2018, 11, 1), 2, True, 4, 30),
        ("week", date(2018, 11, 5), 1, True, 1, 7),
        ("week", date(2018, 11, 12), 2, True, 3, 7),
    ]
    assert answers("free_and_paid_users") == [
        (date(2018, 11, 5), 1, 0),
        (date(2018, 11, 12), 1, 1),
        (date(2018, 11, 13), 0, 1),
    ]
    assert answers("new_and_returning_users") == [
        (date(2018, 11, 5), 1, 0),
        (date(2018, 11, 12), 0, 1),
        (date(2018, 11, 13), 1, 0),
    ]
    assert answers("listeners_by_place") == [("London, UK", 1, 5), ("Arlington, VA", 1, 1)]


def test_who_upgrades_and_downgrades_after_what(answers: Answers) -> None:
    downgrade = datetime(2018, 11, 14, 22), 2, "downgrade", "Undo", "Björk"
    upgrade = datetime(2018, 11, 12, 11, 2), 1, "upgrade", "First Light", "The Testers"
    assert answers("level_changes") == [
        (*downgrade, datetime(2018, 11, 13, 23)),
        (*upgrade, datetime(2018, 11, 12, 10, 58)),
    ]


def test_how_sessions_are(answers: Answers) -> None:
    # One of one play; one of two plays, four minutes, and one of three plays, eight minutes.
    assert answers("sessions") == [(1, 1, 1, 1, Decimal("0.0")), (2, 5, 2, 5, Decimal("6.0"))]


def test_who_comes_back(pipeline: Pipeline, source: TestSource, warehouse: Warehouse) -> None:
    plays = {
        "1": ("2018-11-05 00:00:00", "2018-11-06 00:00:00", "2018-11-12 10:00:00", "2018-11-19"),
        # A week ends on Sunday. Nobody of the first week is missing two weeks later.
        "2": ("2018-11-11 23:59:59", "2018-11-20 10:00:00"),
        "3": ("2018-11-14 10:00:00",),
    }
    source.events(*(play(at, userId=user) for user, times in plays.items() for at in times))
    pipeline.run("2018-11-05", "2018-11-21")
    columns = "first_week, weeks_later, users, first_users, share"
    assert warehouse.rows(f"select {columns} from retention") == [
        (date(2018, 11, 5), 0, 2, 2, Decimal(1)),
        (date(2018, 11, 5), 1, 1, 2, Decimal("0.5")),
        (date(2018, 11, 5), 2, 2, 2, Decimal(1)),
        (date(2018, 11, 12), 0, 1, 1, Decimal(1)),
    ]
    # User 1's first play is before the range: only user 2 is new in it.
    assert ask("retention", Filters(date(2018, 11, 7), date(2018, 11, 13))) == [
        (date(2018, 11, 5), 0, 1, 1, Decimal(1)),
    ]


def test_how_long_people_listen(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-05 10:00:00", length=3600.0),
        # Though the next one is started a minute later, it counts in full, on the day of its start.
        play("2018-11-05 23:59:00", length=1800.0, itemInSession=1),
        play("2018-11-06 00:00:00", length=90.0, itemInSession=2),
        play("2018-11-06 01:00:00", length=None, itemInSession=3),
    )
    pipeline.run("2018-11-05", "2018-11-07")
    assert warehouse.rows("select day, hours from listening_hours") == [
        (date(2018, 11, 5), Decimal("1.5")),
        (date(2018, 11, 6), Decimal("0.03")),
    ]


def test_what_women_and_men_play_at_which_level(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        *EVENTS,
        play("2018-11-05 12:00:00", userId="3", gender="M"),
        play("2018-11-05 12:01:00", userId="3", gender="M", itemInSession=1),
        play("2018-11-05 12:00:00", userId="4", gender=None, level="paid"),
    )
    pipeline.run("2018-11-05", "2018-11-15")
    columns = "gender, level, users, plays"
    assert warehouse.rows(f"select {columns} from plays_by_gender_and_level") == [
        ("(unknown)", "paid", 1, 1),
        ("F", "free", 1, 3),
        # Ada since her upgrade, and Grace.
        ("F", "paid", 2, 3),
        ("M", "free", 1, 2),
    ]


def test_what_the_catalogue_knows(answers: Answers) -> None:
    # Two of six plays are of First Light.
    [(rate,)] = answers("match_rate")
    assert rate == pytest.approx(2 / 6)
    assert answers("plays_in_the_catalogue") == [
        (date(2018, 11, 5), 2, 1),
        (date(2018, 11, 12), 3, 1),
        (date(2018, 11, 13), 1, 0),
    ]
    assert answers("songs_the_catalogue_lacks") == []


def test_what_the_catalogue_lacks(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(*EVENTS)
    source.songs(song("SO1"))
    pipeline.run("2018-11-05", "2018-11-15")
    lacks = "select title, artist, plays from songs_the_catalogue_lacks"
    assert warehouse.rows(lacks) == [("Undo", "Björk", 4)]


def test_how_the_data_is(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    source.lines("2018-11-05", "broken", "broken too")
    pipeline.run("2018-11-05", "2018-11-06")
    [(dataset, file, column, example, records)] = warehouse.rows(
        "select dataset, source_file, column_name, example, records from rejected_records"
    )
    assert (dataset, file, column, records) == (
        "staging_events",
        "log_data/2018/11/2018-11-05-events.json",
        None,
        2,
    )
    assert example.startswith("not JSON")
    [(checks, warnings, failures)] = warehouse.rows(
        "select checks, warnings, failures from check_results"
    )
    assert checks == warehouse.count("quality_results") > 20
    # Nothing else is in the file: files_mostly_rejected warns.
    assert (warnings, failures) == (1, 0)
    source.events(play("2018-11-05 10:00:00"))
    pipeline.run("2018-11-05", "2018-11-06")
    assert warehouse.rows("select * from rejected_records") == []
    assert warehouse.count("rejected_rows") == 2


def test_how_the_hours_are(pipeline: Pipeline, source: TestSource, warehouse: Warehouse) -> None:
    source.events(play("2018-11-05 22:00:00"))
    pipeline.run("2018-11-05T21:00:00Z", "2018-11-06T01:00:00Z")
    warehouse.client.execute(
        "insert into hour_loads (hour_start, asked_by, plays) values ('2018-11-06 01:00', 'now', 0)"
    )
    assert warehouse.rows("select hour_start, state, plays, rejects from hours") == [
        (datetime(2018, 11, 6, 1), "abandoned", 0, 0),
        (datetime(2018, 11, 6, 0), "missing", 0, 0),
        (datetime(2018, 11, 5, 23), "quiet", 0, 0),
        (datetime(2018, 11, 5, 22), "loaded", 1, 0),
        (datetime(2018, 11, 5, 21), "quiet", 0, 0),
    ]
    assert warehouse.column("select loaded_at is null from hours") == [True] + [False] * 4


def test_every_question_has_a_view_and_is_asked_here(warehouse: Warehouse) -> None:
    asked = (ROOT / "tests/warehouse/test_questions.py").read_text()
    for file in (ROOT / "sql/questions").glob("*.sql"):
        # What is loaded, and how much, is told of nothing, too.
        assert warehouse.count(file.stem) == (
            file.stem in ("what_is_loaded", "totals", "match_rate")
        )
        assert file.stem in asked, f"Ask {file.stem} of a world in this module."


@pytest.mark.parametrize(
    "filters",
    [
        Filters(level="paid"),
        Filters(place="Arlington, VA"),
        Filters(place="(unknown)"),
        Filters(date(2018, 11, 12), date(2018, 11, 12), "free", "London, UK"),
        Filters(place="it's nowhere"),
    ],
    ids=lambda filters: f"{filters.level}-{filters.place}",
)
def test_a_level_and_a_place_leave_out_all_other_plays_as_if_there_were_none(
    filters: Filters,
    pipeline: Pipeline,
    source: TestSource,
    new_warehouse: Callable[[], Warehouse],
) -> None:
    placeless = play("2018-11-13 08:00:00", userId="3", location=None, song="Undo")
    events = [*EVENTS, placeless]
    source.songs(song("SO1"))
    source.events(*events)
    new_warehouse()
    pipeline.run("2018-11-05", "2018-11-15")
    limited = [one for one in questions().values() if one.is_filtered(filters.listeners)]
    found = {one.name: ask(one.name, filters) for one in limited}

    def left_out(event: dict[str, Any]) -> bool:
        place = event["location"] or "(unknown)"
        return filters.level not in (None, event["level"]) or filters.place not in (None, place)

    # What is left out becomes visits, so that users and files stay.
    source.events(*(event | {"page": "Home"} if left_out(event) else event for event in events))
    new_warehouse()
    pipeline.run("2018-11-05", "2018-11-15")
    assert found == {one.name: ask(one.name, filters.days) for one in limited}
    names = {
        "changed_numbers",
        "level_changes",
        "hours",
        "check_results",
        "rejected_records",
        "source_changes",
        "what_is_loaded",
    }
    assert questions().keys() - found.keys() == names


def test_what_has_changed_in_the_source(warehouse: Warehouse) -> None:
    warehouse.client.execute(
        "insert into key_changes values "
        "('staging_events', 'a.json', 'first seen', 'ts', 'ts', 'number', 9, 'run', '2018-11-14'), "
        "('staging_events', 'b.json', 'new key', 'plaza', null, 'text', 7, 'run', '2018-11-15')"
    )
    [row] = ask("source_changes", Filters())
    assert row[:7] == ("staging_events", "b.json", "new key", "plaza", None, "text", 7)


def ask(name: str, filters: Filters) -> list[tuple[Any, ...]]:
    """What the page is answered."""
    with reading(30) as read:
        return list(read(*query(questions()[name], filters)).rows)


def test_a_view_whose_columns_change_is_made_anew_and_others_keep_their_grants(
    warehouse: Warehouse, dags: dict[str, DAG]
) -> None:
    warehouse.client.execute("drop view sessions")
    warehouse.client.execute("create view sessions as select 1 as something_else")
    warehouse.client.execute("grant select on plays_by_day to public")
    schema = Pipeline(dags["sparkify_schema"])
    schema.run_task("create_answers", schema.context())
    assert warehouse.rows("select plays_from from sessions") == []
    granted = "select count(*) from information_schema.role_table_grants "
    granted += "where table_name = 'plays_by_day' and grantee = 'PUBLIC'"
    assert warehouse.value(granted) == 1


def test_the_public_data_set(
    pipeline: Pipeline, warehouse: Warehouse, real_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", real_source.as_uri())
    pipeline.run("2018-11-01", "2018-12-01")
    assert warehouse.rows("select title, artist, plays from most_played_songs limit 2") == [
        ("You're The One", "Dwight Yoakam", 37),
        ("Undo", "Björk", 28),
    ]
    month = "select users from active_users where period = 'month'"
    assert warehouse.column(month) == [96]
    whole = "select first_day, days_counted from active_users where period <> 'day' "
    assert warehouse.rows(f"{whole} and not is_partial order by days_counted") == [
        *((date(2018, 11, day), 7) for day in (5, 12, 19)),
        (date(2018, 11, 1), 30),
    ]
    assert warehouse.value("select sum(plays) from plays_by_weekday_and_hour") == 6820
    assert warehouse.value("select sum(known_plays) from plays_in_the_catalogue") == 1
    assert warehouse.value("select match_rate from match_rate") == pytest.approx(1 / 6820)
    assert warehouse.value("select sum(hours) from listening_hours") == Decimal("468.00")
    assert warehouse.value("select sum(users) from retention where weeks_later = 0") == 96
    by_device = "select operating_system, device, plays from devices"
    assert warehouse.rows(by_device) == [
        ("Mac OS X", "Mac", 3000),
        ("Windows", "(unknown)", 2428),
        ("Ubuntu", "(unknown)", 577),
        ("Linux", "(unknown)", 576),
        ("iOS", "iPhone", 239),
    ]
    by_gender = "select gender, level, users, plays from plays_by_gender_and_level"
    assert warehouse.rows(by_gender) == [
        ("F", "free", 45, 593),
        ("F", "paid", 15, 4294),
        ("M", "free", 37, 636),
        ("M", "paid", 7, 1297),
    ]
    assert warehouse.value("select count(*) from level_changes") == 106 - 97
    assert warehouse.value("select sum(new_users) from new_and_returning_users") == 96
