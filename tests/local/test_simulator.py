"""The simulated source: its form, its likeness to life, and whether its report is true."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulator import Fault, GroundTruth, World, simulate
from local.simulator.__main__ import main
from local.simulator.serialization import EVENT_FIELDS, event_line, field_map, song_text
from local.simulator.world import FAULTS, MILLIS_PER_DAY, REJECTED_FAULTS
from tests.support.search import budget

SMALL = World(days=3, users=30, songs=40, events=1500)
MONTH = World(users=96, songs=71)
FAULTY_SMALL = replace(SMALL, faults=("all",))
FAULTY = World(users=96, songs=71, faults=("all",), fault_rate=0.05)

# Of FAULTY_SMALL. After a change made on purpose, put the digest here that the failure shows.
DIGEST = "b1a8c5195ca928c0d03696e9171149754b65db7e871fe571700070c7928944d2"

Simulated = Callable[[World], tuple[Path, GroundTruth]]


class Line(NamedTuple):
    file: str
    number: int
    text: str

    @property
    def place(self) -> tuple[str, int]:
        return self.file, self.number

    @property
    def event(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.text)
        return fields


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Each world written once, for all tests that only read it."""
    written: dict[World, tuple[Path, GroundTruth]] = {}

    def get(world: World) -> tuple[Path, GroundTruth]:
        if world not in written:
            out = tmp_path_factory.mktemp("source")
            written[world] = out, simulate(out, world)
        return written[world]

    return get


def lines(source: Path) -> list[Line]:
    return [
        Line(path.relative_to(source).as_posix(), number, text)
        for path in sorted(source.glob("log_data/*/*/*.json"))
        for number, text in enumerate(path.read_bytes().decode("ascii").split("\n"), start=1)
        if path.stat().st_size
    ]


def events(source: Path) -> list[dict[str, Any]]:
    return [line.event for line in lines(source)]


def songs(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("song_data/*/*/*/*.json"))]


def digest(source: Path) -> str:
    """Of the names and bytes of all files."""
    total = hashlib.sha256()
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        total.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def of_kind(written: GroundTruth, kind: str) -> list[Fault]:
    return [fault for fault in written.faults if fault.kind == kind]


def rejects(written: GroundTruth) -> list[Fault]:
    """The lines that a loader must reject; a numeric artist name is loaded as text."""
    return [
        fault
        for fault in written.faults
        if fault.kind in REJECTED_FAULTS and fault.form != "artist_name"
    ]


def places(written: GroundTruth, kind: str) -> set[tuple[str, int]]:
    return {(fault.file, fault.line) for fault in of_kind(written, kind)}


def is_loadable(text: str) -> bool:
    """Whether a plain reader can take the line as an event."""
    try:
        event = json.loads(text)
    except ValueError:
        return False
    return (
        type(event["ts"]) is int
        and type(event["sessionId"]) is int
        and type(event["length"]) in (float, type(None))
        and not any("\0" in value for value in event.values() if isinstance(value, str))
    )


def loadable(source: Path) -> list[Line]:
    """The lines a plain reader can take, each event once."""
    distinct: dict[str, Line] = {}
    for line in lines(source):
        if is_loadable(line.text):
            distinct.setdefault(line.text, line)
    return list(distinct.values())


def plays(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in found if event["page"] == "NextSong"]


def undone(text: str) -> str:
    """Undo one round of UTF-8 read as Latin-1, if there was one."""
    try:
        return text.encode("latin-1").decode()
    except ValueError:
        return text


def rounds_of_mojibake(text: str) -> int:
    return 0 if undone(text) == text else 1 + rounds_of_mojibake(undone(text))


def repaired(text: str) -> str:
    return undone(undone(text))


def sessions(source: Path) -> Iterator[list[dict[str, Any]]]:
    by_number = defaultdict(list)
    for event in events(source):
        by_number[event["sessionId"]].append(event)
    yield from by_number.values()


# The same seed gives the same bytes.


def test_same_world_gives_same_bytes_in_another_process(
    simulated: Simulated, tmp_path: Path
) -> None:
    source, _ = simulated(FAULTY_SMALL)
    arguments = [
        "--days",
        "3",
        "--users",
        "30",
        "--songs",
        "40",
        "--events",
        "1500",
        "--faults",
        "all",
    ]
    subprocess.run(
        [sys.executable, "-m", "local.simulator", str(tmp_path / "again"), *arguments],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    )
    assert digest(tmp_path / "again") == digest(source)


def test_bytes_are_those_of_every_other_machine(simulated: Simulated) -> None:
    assert digest(simulated(FAULTY_SMALL)[0]) == DIGEST


def test_another_seed_gives_other_events_and_songs(simulated: Simulated) -> None:
    one, _ = simulated(SMALL)
    other, _ = simulated(replace(SMALL, seed=2))
    assert not {line.text for line in lines(one)} & {line.text for line in lines(other)}
    assert not {song["song_id"] for song in songs(one)} & {song["song_id"] for song in songs(other)}


# The form is the public data's.


def test_form_reproduces_the_public_data_byte_for_byte() -> None:
    real = os.environ.get("SPARKIFY_REAL_DATA")
    if not real:
        pytest.skip("SPARKIFY_REAL_DATA does not name the public data's folder")
    found = lines(Path(real))
    assert len(found) == 8056
    assert all(event_line(line.event) == line.text for line in found)
    song_files = list(Path(real).glob("song_data/*/*/*/*.json"))
    assert len(song_files) == 71
    assert all(song_text(json.loads(path.read_bytes())) == path.read_text() for path in song_files)
    assert field_map() == (Path(real) / "log_json_path.json").read_text()


def test_lines_have_the_form(simulated: Simulated) -> None:
    for line in lines(simulated(MONTH)[0]):
        assert tuple(line.event) == EVENT_FIELDS
        assert event_line(line.event) == line.text


def test_song_files_have_the_form_and_their_place(simulated: Simulated) -> None:
    source, _ = simulated(MONTH)
    found = list(source.glob("song_data/**/*.json"))
    for path in found:
        assert song_text(json.loads(path.read_bytes())) == path.read_text()
        assert path.relative_to(source).parts[1:4] == tuple(path.name[2:5])
    assert len(found) == 71


def test_values_have_the_public_types(simulated: Simulated) -> None:
    for event in events(simulated(MONTH)[0]):
        types = {field: type(value) for field, value in event.items()}
        out = event["auth"] == "Logged Out"
        assert out == (event["userId"] == "")
        assert types["registration"] is (type(None) if out else float)
        for field in ("firstName", "lastName", "gender", "location", "userAgent"):
            assert (event[field] is None) == out
        for field in ("artist", "song", "length"):
            assert (event[field] is None) == (event["page"] != "NextSong")


def test_files_are_utc_days_in_order_without_a_last_newline(simulated: Simulated) -> None:
    source, written = simulated(MONTH)
    assert len(written.event_files) == 30
    for name in written.event_files:
        content = (source / name).read_bytes()
        times = [json.loads(text)["ts"] for text in content.split(b"\n")]
        assert times == sorted(times)
        day = datetime.fromtimestamp(times[0] / 1000, UTC)
        assert name == f"log_data/{day:%Y/%m}/{day:%Y-%m-%d}-events.json"
        assert times[0] // MILLIS_PER_DAY == times[-1] // MILLIS_PER_DAY


# It is like life.


@settings(max_examples=budget(12), deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40))
def test_events_are_unique_and_sessions_go_forward(
    tmp_path_factory: pytest.TempPathFactory, seed: int, users: int, song_count: int
) -> None:
    source = tmp_path_factory.mktemp("world")
    simulate(source, World(days=2, users=users, songs=song_count, seed=seed))
    for session in sessions(source):
        assert [event["itemInSession"] for event in session] == list(range(len(session)))
        times = [event["ts"] for event in session]
        assert all(early < late for early, late in pairwise(times))
        assert len({event["userId"] for event in session} - {""}) <= 1


def test_users_never_overlap_themselves_and_registered_before(simulated: Simulated) -> None:
    ends: Counter[str] = Counter()
    by_start = sorted(sessions(simulated(MONTH)[0]), key=lambda session: session[0]["ts"])
    for session in by_start:
        for event in session:
            if event["userId"]:
                assert event["registration"] < event["ts"]
                assert ends[event["userId"]] < event["ts"]
        ends |= Counter({event["userId"]: event["ts"] for event in session})


def test_plays_follow_when_the_song_is_over(simulated: Simulated) -> None:
    for session in sessions(simulated(MONTH)[0]):
        heard = plays(session)
        for play, following in pairwise(heard):
            assert following["ts"] - play["ts"] >= int(play["length"]) * 1000


def test_levels_change_with_the_next_event_and_only_then(simulated: Simulated) -> None:
    changes: Counter[str] = Counter()
    before: dict[str, dict[str, Any]] = {}
    for event in events(simulated(replace(MONTH, events=40_000))[0]):
        last = before.get(event["userId"])
        if event["userId"] and last:
            submitted = last["page"] if last["page"].startswith("Submit") else ""
            expected = {"Submit Upgrade": "paid", "Submit Downgrade": "free"}.get(
                submitted, last["level"]
            )
            assert event["level"] == expected
            changes[submitted] += 1
        before[event["userId"]] = event
    assert changes["Submit Upgrade"] >= 5
    assert changes["Submit Downgrade"] >= 2


def test_sessions_cross_hours_and_midnight(simulated: Simulated) -> None:
    spans = [(session[0]["ts"], session[-1]["ts"]) for session in sessions(simulated(MONTH)[0])]
    assert sum(first // 3_600_000 < last // 3_600_000 for first, last in spans) >= 50
    assert sum(first // MILLIS_PER_DAY < last // MILLIS_PER_DAY for first, last in spans) >= 3


def test_nights_and_weekends_are_quieter(simulated: Simulated) -> None:
    moments = [
        datetime.fromtimestamp(event["ts"] / 1000, UTC) for event in events(simulated(MONTH)[0])
    ]
    hours = Counter(moment.hour for moment in moments)
    assert sum(hours[hour] for hour in (2, 3, 4)) * 2 < sum(hours[hour] for hour in (15, 16, 17))
    days = Counter(moment.date() for moment in moments)
    weekend = [count for day, count in days.items() if day.weekday() >= 5]
    workdays = [count for day, count in days.items() if day.weekday() < 5]
    assert sum(weekend) / len(weekend) < 0.8 * sum(workdays) / len(workdays)


def test_month_resembles_the_public_one(simulated: Simulated) -> None:
    source, written = simulated(MONTH)
    assert abs(written.events - 96 * 30 * 2.8) < 0.02 * written.events
    assert 0.8 < written.plays / written.events < 0.9
    pages = Counter((e["page"], e["method"], e["status"], e["auth"]) for e in events(source))
    for page in (
        ("Home", "GET", 200, "Logged In"),
        ("Home", "GET", 200, "Logged Out"),
        ("Login", "PUT", 307, "Logged Out"),
        ("Logout", "PUT", 307, "Logged In"),
        ("Error", "GET", 404, "Logged In"),
        ("Save Settings", "PUT", 307, "Logged In"),
        ("Submit Upgrade", "PUT", 307, "Logged In"),
    ):
        assert pages[page], page


def test_catalogue_has_the_traits_of_the_public_one(simulated: Simulated) -> None:
    found = songs(simulated(replace(SMALL, songs=1000))[0])
    artists = defaultdict(set)
    for song in found:
        artists[song["artist_id"]].add((song["artist_name"], song["artist_location"]))
        assert (song["artist_latitude"] is None) == (song["artist_longitude"] is None)
    assert 400 < sum(song["year"] == 0 for song in found) < 800
    assert 200 < sum(song["artist_location"] == "" for song in found) < 600
    assert any(len({name for name, _ in told}) > 1 for told in artists.values())
    assert any(len({place for _, place in told}) > 1 for told in artists.values())
    assert len({song["song_id"] for song in found}) == 1000
    titles = Counter((song["title"], song["artist_name"], song["duration"]) for song in found)
    assert titles.most_common(1)[0][1] > 1, "no reissue: no play with two candidates"
    assert any(not song["title"].isascii() for song in found)


def test_popularity_is_skewed(simulated: Simulated) -> None:
    heard = Counter(play["song"] for play in plays(events(simulated(MONTH)[0])))
    counts = sorted(heard.values(), reverse=True)
    assert counts[0] > 8 * counts[len(counts) // 2]


# What is reported is what a reader finds.


@pytest.mark.parametrize("world", [MONTH, FAULTY], ids=["clean", "faulty"])
def test_counts_are_what_a_reader_finds(simulated: Simulated, world: World) -> None:
    source, written = simulated(world)
    found = [line.event for line in loadable(source)]
    heard = plays(found)
    assert written.lines == len(lines(source))
    assert written.events == len(found)
    assert written.plays == len(heard)
    assert written.users == len({event["userId"] for event in found} - {""})
    assert written.listeners == len({play["userId"] for play in heard})
    assert written.start_times == len({play["ts"] for play in heard})
    assert written.songs == len(songs(source)) == len(written.song_files)
    assert written.artists == len({song["artist_id"] for song in songs(source)})
    assert all((source / name).is_file() for name in written.song_files)


@pytest.mark.parametrize("world", [MONTH, FAULTY], ids=["clean", "faulty"])
def test_matches_are_what_a_reader_finds(simulated: Simulated, world: World) -> None:
    source, written = simulated(world)
    here, late = (
        {(song["title"], str(song["artist_name"]), song["duration"]) for song in songs(folder)}
        for folder in (source, source / "late")
    )
    kinds: Counter[str] = Counter()
    for play in plays([line.event for line in loadable(source)]):
        as_written = play["song"], play["artist"], play["length"]
        as_meant = repaired(play["song"]), repaired(play["artist"]), play["length"]
        if as_written in here:
            kinds["matched"] += 1
        elif as_written in late:
            kinds["late"] += 1
        elif as_meant in here | late:
            kinds["repaired"] += 1
    assert kinds["matched"] == written.matched
    assert kinds["late"] == written.matched_late
    assert kinds["repaired"] == written.matched_repaired
    assert 0.77 < kinds.total() / written.plays < 0.83
    if world is FAULTY:
        assert kinds["late"]
        assert kinds["repaired"]


def test_rejects_are_what_a_reader_refuses(simulated: Simulated) -> None:
    source, written = simulated(FAULTY)
    refused = {line.place for line in lines(source) if not is_loadable(line.text)}
    assert {(fault.file, fault.line) for fault in rejects(written)} == refused
    forms = {(fault.kind, fault.form) for fault in rejects(written)}
    assert len(forms) == 7


def test_nothing_but_the_faults_differs_from_the_clean_world(simulated: Simulated) -> None:
    kinds = ("ties", "duplicates", "mojibake", "broken", "nul", "late")
    clean, _ = simulated(MONTH)
    faulty, written = simulated(replace(MONTH, faults=kinds))
    marked = {(fault.file, fault.line) for fault in written.faults}
    sound = {line.text for line in lines(faulty) if line.place not in marked}
    unspoilt = {line.text for line in lines(clean)}
    assert sound < unspoilt
    moved = len(written.faults) - written.counts["duplicates"]
    assert moved - written.counts["late"] <= len(unspoilt - sound) <= moved


def test_clean_world_has_no_faults(simulated: Simulated) -> None:
    source, written = simulated(MONTH)
    assert written.faults == ()
    assert all(is_loadable(line.text) for line in lines(source))
    assert not (source / "late").exists()


def test_duplicates_are_second_copies_in_the_same_file(simulated: Simulated) -> None:
    source, written = simulated(FAULTY)
    seen: set[tuple[str, str]] = set()
    again = set()
    for line in lines(source):
        if (line.file, line.text) in seen and is_loadable(line.text):
            again.add(line.place)
        seen.add((line.file, line.text))
    assert again == places(written, "duplicates")
    assert len(again) > 100


def test_ties_are_plays_of_two_users_at_one_time(simulated: Simulated) -> None:
    source, written = simulated(replace(MONTH, faults=("ties",), fault_rate=0.1))
    users = defaultdict(set)
    for play in plays(events(source)):
        users[play["ts"]].add(play["userId"])
    tied = {
        line.place
        for line in lines(source)
        if line.event["ts"] in users and len(users[line.event["ts"]]) > 1
    }
    assert places(written, "ties") < tied
    assert len(tied) == 2 * len(of_kind(written, "ties")) > 100
    assert written.plays - written.start_times == len(of_kind(written, "ties"))
    for session in sessions(source):
        times = [event["ts"] for event in session]
        assert all(early < late for early, late in pairwise(times))


def test_mojibake_is_utf8_read_as_latin1_once_or_twice(simulated: Simulated) -> None:
    source, written = simulated(FAULTY)
    garbled = {}
    for line in loadable(source):
        event = line.event
        if event["page"] == "NextSong":
            garbled[line.place] = max(rounds_of_mojibake(event[f]) for f in ("artist", "song"))
    assert {place: rounds for place, rounds in garbled.items() if rounds} == {
        (fault.file, fault.line): {"once": 1, "twice": 2}[fault.form]
        for fault in of_kind(written, "mojibake")
    }
    assert set(garbled.values()) == {0, 1, 2}


def test_late_plays_are_the_last_lines_of_their_own_day(simulated: Simulated) -> None:
    clean, _ = simulated(MONTH)
    source, written = simulated(replace(MONTH, faults=("late",), fault_rate=0.05))
    late = places(written, "late")
    by_file = defaultdict(list)
    for line in lines(source):
        by_file[line.file].append(line)
    for file, found in by_file.items():
        number = sum(place[0] == file for place in late)
        punctual, tail = found[: len(found) - number], found[len(found) - number :]
        assert all(line.place in late for line in tail)
        held = {line.text for line in tail}
        in_order = (clean / file).read_text().split("\n")
        assert [line.text for line in punctual] == [text for text in in_order if text not in held]
    assert len(late) > 100


def test_late_songs_lie_apart_ready_to_move_in(simulated: Simulated) -> None:
    clean, _ = simulated(MONTH)
    source, written = simulated(replace(MONTH, faults=("late-songs=0.2",)))
    held = {fault.file for fault in of_kind(written, "late-songs")}
    assert held == {
        path.relative_to(source).as_posix() for path in (source / "late").rglob("*.json")
    }
    assert len(held) > 5
    assert len(written.song_files) + len(held) == 71
    for name in held:
        moved_in = name.removeprefix("late/")
        assert not (source / moved_in).exists()
        assert (source / name).read_bytes() == (clean / moved_in).read_bytes()


def test_number_for_an_artists_name_is_counted_but_loadable(simulated: Simulated) -> None:
    source, written = simulated(replace(MONTH, faults=("wrong-types",), fault_rate=0.05))
    numbered = {
        path.relative_to(source).as_posix()
        for path in source.glob("song_data/**/*.json")
        if isinstance(json.loads(path.read_bytes())["artist_name"], int)
    }
    forms = {fault.file for fault in of_kind(written, "wrong-types") if fault.form == "artist_name"}
    assert forms == numbered != set()
    assert not any(fault.file in numbered for fault in rejects(written))


# What cannot be simulated is said plainly.


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--start", "tomorrow"], "The start must be a date like 2018-11-01, not 'tomorrow'."),
        (
            ["--faults", "ties,gremlins"],
            f"Unknown fault 'gremlins': choose from all, {', '.join(FAULTS)}.",
        ),
        (["--faults", "ties=many"], "The rate of ties must be a number like 0.01, not 'many'."),
        (["--fault-rate", "2", "--faults", "nul"], "A fault rate must be between 0 and 1."),
        (["--users", "0"], "users must be at least 1, not 0."),
        (
            ["--users", "1", "--days", "1", "--events", "9999"],
            "there can be 0 to 100 events, not 9,999",
        ),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main([str(tmp_path / "out"), *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_folder_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("keep me")
    assert main([str(tmp_path)]) == 2
    assert f"{tmp_path} is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_command_line_ends_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--start", "2020-02-28", "--days", "3", "--faults", "nul=0.1", "--progress"]
    assert main([str(tmp_path / "out"), *arguments]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("Wrote ")
    assert told.out.count("\n") == 1
    assert " nul." in told.out
    assert told.err.count("\r") == 3
    assert [path.name for path in sorted((tmp_path / "out").glob("log_data/*/*/*"))] == [
        f"{day}-events.json" for day in (date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1))
    ]
