"""User agents: each is parsed once, and is there as long as a play has it."""

from datetime import datetime

import pytest
from airflow.sdk import DAG

from local.tools.pipeline import Pipeline
from sparkify.runs.agents import Agent
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

CHROME = (
    '"Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) '
    'Chrome/36.0.1985.143 Safari/537.36"'
)
IPHONE = (
    '"Mozilla/5.0 (iPhone; CPU iPhone OS 7_1_2 like Mac OS X) AppleWebKit/537.51.2 (KHTML, like '
    'Gecko) Version/7.0 Mobile/11D257 Safari/9537.53"'
)
FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux i686; rv:31.0) Gecko/20100101 Firefox/31.0"
MAC = (
    '"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_4) AppleWebKit/537.78.2 (KHTML, like Gecko) '
    'Version/7.0.6 Safari/537.78.2"'
)
ROWS = [
    (CHROME, "Chrome", "Windows", None),
    (IPHONE, "Mobile Safari", "iOS", "iPhone"),
    (FIREFOX, "Firefox", "Ubuntu", None),
    (MAC, "Safari", "Mac OS X", "Mac"),
    ("it's \\ \"nobody's\", 100 %s", None, None, None),
]
DAY = ("2018-11-15", "2018-11-16")
TEN, ELEVEN = datetime(2018, 11, 15, 10), datetime(2018, 11, 15, 11)


def agents(warehouse: Warehouse) -> list[str]:
    return warehouse.column('select user_agent from user_agents order by user_agent collate "C"')


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[1]))
def test_a_user_agent_names_browser_system_and_device(row: tuple[str | None, ...]) -> None:
    assert tuple(Agent.of(str(row[0]))) == row


def test_a_load_adds_the_agents_of_its_plays(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    delivered = [*(row[0] for row in ROWS), None, ROWS[0][0]]
    source.events(
        *(
            play(f"2018-11-15 10:0{at}:00", itemInSession=at, userAgent=user_agent)
            for at, user_agent in enumerate(delivered)
        )
    )
    pipeline.run(*DAY)
    assert sorted(warehouse.rows("select * from user_agents")) == sorted(ROWS)


def test_what_people_listen_on(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 10:00:00", userAgent=IPHONE),
        play("2018-11-15 10:01:00", userAgent=IPHONE, itemInSession=1),
        # User 1 goes on at a computer, where user 2 listens, too, with another browser.
        play("2018-11-15 10:02:00", userAgent=CHROME, itemInSession=2),
        play("2018-11-15 10:03:00", userAgent=CHROME.replace("Chrome", "Opera"), userId="2"),
        play("2018-11-15 10:04:00", userAgent=CHROME, userId="2", itemInSession=1),
        play("2018-11-15 10:05:00", userAgent=None, userId="3"),
    )
    pipeline.run(*DAY)
    columns = "operating_system, device, users, plays"
    assert warehouse.rows(f"select {columns} from devices") == [
        ("Windows", "(unknown)", 2, 3),
        ("iOS", "iPhone", 1, 2),
        ("(unknown)", "(unknown)", 1, 1),
    ]


def test_an_agent_leaves_with_its_last_play(
    dags: dict[str, DAG], source: TestSource, warehouse: Warehouse
) -> None:
    pipeline = Pipeline(dags["sparkify"], allow_removed=True)
    ten = [
        play("2018-11-15 10:00:00", userAgent=CHROME),
        play("2018-11-15 10:01:00", userAgent=MAC, itemInSession=1),
    ]
    eleven = play("2018-11-15 11:00:00", userAgent=MAC, itemInSession=2)
    source.events(*ten, eleven)
    pipeline.run(*DAY)
    # Corrected, the hour has neither of them: one has a play in another hour.
    source.events(*(event | {"userAgent": IPHONE} for event in ten), eleven)
    pipeline.run_hour(TEN)
    assert agents(warehouse) == [MAC, IPHONE]
    source.events(*(event | {"userAgent": IPHONE} for event in ten))
    pipeline.run_hour(ELEVEN)
    assert agents(warehouse) == [IPHONE]


def test_an_agent_is_parsed_once(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.events(play("2018-11-15 10:00:00", userAgent=MAC))
    pipeline.run(*DAY)
    monkeypatch.setattr(Agent, "of", lambda _: 1 / 0)
    source.events(
        *(play(f"2018-11-15 1{at}:00:00", userAgent=MAC, itemInSession=at) for at in range(3))
    )
    pipeline.run(*DAY)
    assert agents(warehouse) == [MAC]
