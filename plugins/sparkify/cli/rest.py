"""Airflow's REST API: creates and follows a backfill with an address and a token alone."""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from sparkify.cli.arguments import TOKEN
from sparkify.cli.deployment import Active, AlreadyRunning, Dag
from sparkify.cli.request import Refused, Request
from sparkify.cli.windows import Plan, Run, Window
from sparkify.versions import is_periodic

# Airflow's default for the largest page.
PAGE = 100
# Airflow creates all runs of a backfill before it answers.
CREATION_LIMIT = 600.0
TIMEOUT = httpx.Timeout(60.0, connect=10.0)

Page = dict[str, Any]


class Unreachable(Refused):
    """The API server does not answer, or not yet."""


class Rest:
    """
    An Airflow deployment, reached by its REST API.

    :param url: address of the API server, with its path prefix if it has one
    :param client: an HTTP client of its API, with the user's token
    """

    outage = Unreachable

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.url = url
        self.name = f"The API server at {url}"
        self._client = client

    @classmethod
    def at(cls, url: str) -> "Rest":
        """Return the deployment at an address, with the token of the environment."""
        token = os.environ.get(TOKEN, "").strip()
        if not token:
            raise Refused(
                f"There is no token for {url}: set the environment variable {TOKEN}. "
                "Airflow's POST /auth/token returns one; docs/managed-airflow.md has the calls for "
                "Amazon MWAA."
            )
        if not (token.isascii() and token.isprintable()):
            # The HTTP library would quote it in its error.
            raise Refused(f"The environment variable {TOKEN} holds more than a token.")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return cls(url, httpx.Client(base_url=api(url), headers=headers, timeout=TIMEOUT))

    def dag(self, dag_id: str) -> Dag | None:
        """Return the DAG, or None if no DAG file defines it (any more)."""
        response = self._send("GET", _dag(dag_id), accept=(HTTPStatus.NOT_FOUND,))
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        row = self._json(response)
        periodic = is_periodic(row.get("timetable_periodic"), row["timetable_summary"])
        return None if row["is_stale"] else Dag(dag_id, row["is_paused"], periodic)

    def dag_ids(self) -> list[str]:
        """Return the ids of all DAGs."""
        return [row["dag_id"] for row in self._list("dags", "dags")]

    def windows(self, dag_id: str, start: datetime, end: datetime) -> Iterator[Window]:
        """
        Yield the windows whose logical date is from start to end, and the next one to end.

        The API knows logical dates only; intervals are derived from that of the DAG's next run.
        """
        now = datetime.now(UTC)
        upcoming = self._next_window(dag_id)
        dates = sorted(self._ended_dates(dag_id, start, end, upcoming))
        for date, following in zip(dates, [*dates[1:], None], strict=True):
            if upcoming is None:
                yield Window(date, date, date)
                continue
            begin, finish = (date + shift for shift in _shifts(upcoming))
            if following and upcoming.logical_date == upcoming.start < upcoming.end:
                # Such intervals follow each other without a gap, even if their lengths differ.
                finish = following
            yield Window(date, begin, min(finish, now))
        if upcoming:
            upcoming = _at(upcoming, now)
            if upcoming.end >= now and start <= upcoming.logical_date <= end:
                yield upcoming

    def runs(self, dag_id: str, first: datetime, last: datetime) -> dict[datetime, Run]:
        """Return the runs whose logical date is from first to last, by that date."""
        return {
            _moment(row["logical_date"]): Run(
                row["dag_run_id"], row["state"], row["start_date"] and _moment(row["start_date"])
            )
            for row in self._runs(dag_id, first, last)
        }

    def failed_tasks(self, dag_id: str, run_ids: Collection[str]) -> dict[str, list[str]]:
        """Return the tasks that failed themselves, by run id."""
        query = {"dag_ids": [dag_id], "dag_run_ids": [*run_ids], "state": ["failed"]}

        def page(offset: int) -> Page:
            body = query | {"page_offset": offset, "page_limit": PAGE, "order_by": "id"}
            return self._post("dags/~/dagRuns/~/taskInstances/list", body)

        found = defaultdict(set)
        for row in _rows(page, "task_instances") if run_ids else ():
            found[row["dag_run_id"]].add(row["task_id"])
        return {run_id: sorted(tasks) for run_id, tasks in found.items()}

    def active_backfill(self, dag_id: str) -> Active | None:
        """Return the DAG's backfill that is not closed, if there is one."""
        row = self._active(dag_id)
        if row is None:
            return None
        first, last = _moment(row["from_date"]), _moment(row["to_date"])
        open_runs = self._runs(
            dag_id, first, last, run_type="backfill", state=["queued", "running"]
        )
        return Active(row["id"], first, last, next(open_runs, None) is not None)

    def is_backfill_paused(self, dag_id: str) -> bool:
        """Whether the DAG's active backfill is paused."""
        row = self._active(dag_id)
        return row is not None and bool(row["is_paused"])

    def is_scheduler_alive(self) -> bool:
        """Whether a scheduler has sent a heartbeat within its health-check threshold."""
        return bool(self._get("monitor/health")["scheduler"]["status"] == "healthy")

    def create(self, request: Request, plan: Plan) -> int:
        """Create the backfill as the web UI does, and return its id."""
        body = _range(request.dag_id, plan.first, plan.last) | {
            "max_active_runs": request.max_active_runs,
            "run_backwards": request.backwards,
            "dag_run_conf": request.run_conf,
            "reprocess_behavior": plan.reprocess.value,
        }
        again = f"Follow it with: {request.command(plan.first, plan.last)}"
        try:
            response = self._send(
                "POST",
                "backfills",
                json=body,
                timeout=httpx.Timeout(CREATION_LIMIT, connect=10.0),
                accept=(HTTPStatus.CONFLICT,),
            )
        except KeyboardInterrupt:
            raise Refused(
                f"Interrupted, but the API server may go on creating the backfill. {again}"
            ) from None
        except Unreachable as error:
            raise Refused(f"{error}\nIt may still create the backfill. {again}") from error
        if response.status_code == HTTPStatus.CONFLICT:
            raise AlreadyRunning(_detail(response))
        return int(self._json(response)["id"])

    def web_address(self, path: str) -> str:
        """Return the URL of a path in the web UI."""
        return self.url + path

    def unpause(self, dag_id: str) -> str:
        """Return the page that unpauses the DAG."""
        return self.web_address(f"/dags/{dag_id}")

    def _next_window(self, dag_id: str) -> Window | None:
        row = self._get(_dag(dag_id))
        names = ("logical_date", "data_interval_start", "data_interval_end")
        moments = [row[f"next_dagrun_{name}"] for name in names]
        if not all(moments):
            # A DAG whose schedule has ended has none, but has had one.
            latest = {
                "run_type": ["scheduled", "backfill"],
                "order_by": "-logical_date",
                "limit": 1,
            }
            rows = self._get(f"{_dag(dag_id)}/dagRuns", latest)["dag_runs"]
            moments = [rows[0][name] for name in names] if rows else []
        return Window(*map(_moment, moments)) if moments and all(moments) else None

    def _ended_dates(
        self, dag_id: str, start: datetime, end: datetime, upcoming: Window | None
    ) -> set[datetime]:
        """Return the logical dates from start to end whose interval has ended."""
        # This lists the windows that would be run again, too, but none whose run is under way.
        body = _range(dag_id, start, end) | {"reprocess_behavior": "completed"}
        rows = self._post("backfills/dry_run", body)["backfills"]
        dates = {_moment(row["logical_date"]) for row in rows if row["logical_date"]}
        for row in self._runs(dag_id, start, end, state=["queued", "running"]):
            date = _moment(row["logical_date"])
            if row["run_type"] != "manual" or _is_regular(date, upcoming):
                dates.add(date)
        return dates

    def _runs(self, dag_id: str, first: datetime, last: datetime, **more: Any) -> Iterator[Page]:
        dates = {"logical_date_gte": first.isoformat(), "logical_date_lte": last.isoformat()}
        order = {"order_by": "logical_date"}
        return self._list(f"{_dag(dag_id)}/dagRuns", "dag_runs", **dates, **order, **more)

    def _active(self, dag_id: str) -> Page | None:
        query = {"dag_id": dag_id, "order_by": "-id", "limit": 1}
        rows = self._get("backfills", query)["backfills"]
        return rows[0] if rows and rows[0]["completed_at"] is None else None

    def _list(self, path: str, key: str, **query: Any) -> Iterator[Page]:
        return _rows(lambda at: self._get(path, query | {"limit": PAGE, "offset": at}), key)

    def _get(self, path: str, query: Page | None = None) -> Page:
        return self._json(self._send("GET", path, params=query))

    def _post(self, path: str, body: Page) -> Page:
        return self._json(self._send("POST", path, json=body))

    def _send(
        self, method: str, path: str, accept: Collection[int] = (), **options: Any
    ) -> httpx.Response:
        try:
            response = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"{self.name} does not answer: {reason}") from error
        if not response.is_success and response.status_code not in accept:
            raise self._refusal(response)
        return response

    def _refusal(self, response: httpx.Response) -> Refused:
        """Explain an unsuccessful response."""
        status, detail = response.status_code, _detail(response)
        what = f"{response.request.method} {response.request.url.path}"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            return Unreachable(f"{self.name} answers {what} with {status}: {detail}")
        # Airflow answers 403 to a token that it cannot verify.
        if status == HTTPStatus.UNAUTHORIZED or detail == "Invalid JWT token":
            return Refused(
                f"{self.name} does not accept the token ({status}): it has expired, or is another "
                f"server's. Set {TOKEN} to a new one and repeat the command; what was created "
                "continues."
            )
        if status == HTTPStatus.FORBIDDEN:
            return Refused(
                f"The token's user may not {what} (403): {detail}. Use the token of a user who may "
                "read the DAG and its runs, and create backfills."
            )
        if status == HTTPStatus.NOT_FOUND or response.is_redirect:
            return self._wrong_address(f"{what} ended in {status}")
        return Refused(f"Airflow refuses {what} ({status}): {detail}")

    def _json(self, response: httpx.Response) -> Page:
        try:
            document: Page = response.json()
        except ValueError:
            # With an incomplete path prefix, the web UI may answer.
            what = f"{response.request.url.path} is not JSON"
            raise self._wrong_address(what) from None
        return document

    def _wrong_address(self, reason: str) -> Refused:
        return Refused(
            f"{self.url} is not the address of an Airflow API server ({reason}). Give --api-url "
            "what the web UI's address begins with, including https and a path prefix."
        )


def api(url: str) -> str:
    """Return the address of the API of a server."""
    return f"{url}/api/v2/"


def _dag(dag_id: str) -> str:
    return f"dags/{quote(dag_id, safe='')}"


def _range(dag_id: str, first: datetime, last: datetime) -> Page:
    return {"dag_id": dag_id, "from_date": first.isoformat(), "to_date": last.isoformat()}


def _rows(page: Callable[[int], Page], key: str) -> Iterator[Page]:
    """Yield the rows of all pages."""
    seen = 0
    while True:
        answer = page(seen)
        yield from answer[key]
        seen += len(answer[key])
        if not answer[key] or seen >= answer["total_entries"]:
            return


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _shifts(window: Window) -> tuple[timedelta, timedelta]:
    """Return how far the interval's start and end are from its logical date."""
    return window.start - window.logical_date, window.end - window.logical_date


def _at(window: Window, now: datetime) -> Window:
    """Return the window around now; that of a paused DAG stays behind."""
    length = window.end - window.start
    if not length or window.end >= now:
        return window
    ahead = ((now - window.end) // length + 1) * length
    return Window(window.logical_date + ahead, window.start + ahead, window.end + ahead)


def _is_regular(date: datetime, upcoming: Window | None) -> bool:
    """Whether a schedule of intervals of one length has a run of this date."""
    if upcoming is None or upcoming.start == upcoming.end:
        return False
    return not (date - upcoming.logical_date) % (upcoming.end - upcoming.start)


def _detail(response: httpx.Response) -> str:
    """Return what the server says about an error."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    if isinstance(detail, list):
        return "; ".join(str(problem.get("msg", problem)) for problem in detail)
    return str(detail)
