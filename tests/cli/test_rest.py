"""What the API client makes of bad answers, and of none; no token is ever repeated."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sparkify.cli.arguments import TOKEN, api_url
from sparkify.cli.request import Refused
from sparkify.cli.rest import Rest, Unreachable, api
from sparkify.cli.windows import Window

URL = "https://airflow.test/d123"
HOUR = timedelta(hours=1)
NOVEMBER = datetime(2018, 11, 1, tzinfo=UTC)

Answer = Callable[[httpx.Request], httpx.Response]


def rest(answer: Answer) -> Rest:
    """A client whose server answers like this."""
    return Rest(URL, httpx.Client(base_url=api(URL), transport=httpx.MockTransport(answer)))


def always(status: int, text: str = '{"detail": "So it is."}') -> Rest:
    return rest(lambda request: httpx.Response(status, text=text))


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, f"does not accept the token .401.: .* Set {TOKEN} to a new one"),
        (403, "The token's user may not GET /d123/api/v2/dags .403.: So it is."),
        (404, "is not the address of an Airflow API server"),
        (302, "is not the address of an Airflow API server"),
        (422, "Airflow refuses GET /d123/api/v2/dags .422.: So it is."),
    ],
)
def test_an_error_is_a_sentence(status: int, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refusal:
        always(status).dag_ids()
    assert not isinstance(refusal.value, Unreachable)


def test_a_token_that_airflow_cannot_verify_is_said_to_be_one() -> None:
    with pytest.raises(Refused, match=r"does not accept the token \(403\)"):
        always(403, '{"detail": "Invalid JWT token"}').dag_ids()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_may_recover_is_asked_again(status: int) -> None:
    with pytest.raises(Unreachable, match=f"with {status}: So it is"):
        always(status).dag_ids()


def test_a_dead_connection_may_come_back() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    with pytest.raises(Unreachable, match=f"at {URL} does not answer: Connection refused"):
        rest(refuse).dag("sparkify")


def test_the_web_ui_is_not_the_api() -> None:
    with pytest.raises(Refused, match=r"is not JSON.* including https and a path prefix"):
        always(200, "<html>").dag("sparkify")


def test_a_dag_that_is_not_there_is_none() -> None:
    assert always(404).dag("sparkify") is None


def test_every_page_is_read() -> None:
    def page(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        rows = [{"dag_id": f"dag_{number}"} for number in range(offset, min(offset + 100, 250))]
        return httpx.Response(200, json={"dags": rows, "total_entries": 250})

    assert rest(page).dag_ids() == [f"dag_{number}" for number in range(250)]


def test_months_end_where_the_next_begins() -> None:
    months = [f"2018-{month:02}-01T00:00:00Z" for month in (1, 2, 3)]
    following = {
        "next_dagrun_logical_date": "2018-12-01T00:00:00Z",
        "next_dagrun_data_interval_start": "2018-12-01T00:00:00Z",
        "next_dagrun_data_interval_end": "2019-01-01T00:00:00Z",
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("dry_run"):
            return httpx.Response(200, json={"backfills": [{"logical_date": d} for d in months]})
        if request.url.path.endswith("dagRuns"):
            return httpx.Response(200, json={"dag_runs": [], "total_entries": 0})
        return httpx.Response(200, json=following)

    january, february, _ = rest(answer).windows("monthly", NOVEMBER, NOVEMBER)
    assert (february.start, february.end) == (january.end, datetime(2018, 3, 1, tzinfo=UTC))
    assert isinstance(january, Window)


@pytest.mark.parametrize(
    ("token", "sentence"),
    [("", f"set the environment variable {TOKEN}"), ("se\ncret", "holds more than a token")],
)
def test_without_a_token_it_says_where_that_comes_from(
    monkeypatch: pytest.MonkeyPatch, token: str, sentence: str
) -> None:
    monkeypatch.setenv(TOKEN, token)
    with pytest.raises(Refused, match=sentence) as refusal:
        Rest.at(URL)
    assert "cret" not in str(refusal.value).replace("secret", "")


@pytest.mark.parametrize("text", [URL, f"{URL}/", f"{URL}/api/v2", f"{URL}/api/v2/?a=1"])
def test_an_address_is_what_the_web_ui_s_begins_with(text: str) -> None:
    assert api_url(text) == URL


@pytest.mark.parametrize("text", ["airflow.test", "ftp://airflow.test", "https://me:s3cret@a.test"])
def test_other_addresses_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Exception, match="begins with https://") as error:
        api_url(text)
    assert "s3cret" not in str(error.value)
