"""The page's web application: the page, and its answers as JSON, CSV and SQL."""

import asyncio
import gzip
import logging
import time
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import PlainTextResponse, RedirectResponse

from sparkify.page.admission import Admission, busy
from sparkify.page.answer_queue import AnswerQueue, Reply
from sparkify.page.documents import as_csv, as_json, document, file_name
from sparkify.page.files import FILES, LIBRARY, MEDIA_TYPES
from sparkify.page.questions import AS_OF, Filters, Level, Question, query, questions, rendered
from sparkify.page.warehouse import SECONDS, reading

log = logging.getLogger(__name__)

# Whoever may see the runs of the DAG sparkify may see what they loaded.
MAY_READ = requires_access_dag(
    method="GET", access_entity=DagAccessEntity.RUN, param_dag_id="sparkify"
)

PLACE = r"^[^\\\x00]{1,512}$"
"""A place; without a backslash, which the engines would read differently in the SQL to be shown."""


PARAMETERS = ("first", "last", "level", "place")
"""The parameters of a request; another one would be answered as if it were not there."""


async def chosen(
    request: Request,
    first: Annotated[date | None, Query(description="First day, UTC")] = None,
    last: Annotated[date | None, Query(description="Last day, UTC")] = None,
    level: Annotated[Level | None, Query(description="Level at the time of the play")] = None,
    place: Annotated[str | None, Query(description="Place of the play", pattern=PLACE)] = None,
) -> Filters:
    """Return the filters of a request."""
    if unknown := sorted(set(request.query_params) - set(PARAMETERS)):
        raise HTTPException(
            422, f"There is no parameter {unknown[0]}; there are {', '.join(PARAMETERS)}."
        )
    if first and last and first > last:
        raise HTTPException(422, f"The range is empty: {first} is after {last}.")
    return Filters(first, last, level, place)


async def question(name: str) -> Question:
    """Return the question of a request."""
    found = questions().get(name)
    if found is None:
        raise HTTPException(404, f"There is no question {name}; see sql/questions for all of them.")
    return found


Chosen = Annotated[Filters, Depends(chosen)]
Asked = Annotated[Question, Depends(question)]


def make_app() -> Admission:
    """Create the application, behind Airflow's login and without blocking Airflow's threads."""
    app = FastAPI(dependencies=[Depends(MAY_READ)], openapi_url=None)
    # Handlers are typed for any exception, but this one is called only for its own.
    app.add_exception_handler(HTTPException, refused)  # type: ignore[arg-type]
    answers = AnswerQueue()

    @app.get("/answers/{name}.sql")
    async def sql(asked: Asked, filters: Chosen) -> PlainTextResponse:
        return PlainTextResponse(rendered(asked, filters))

    @app.get("/answers/{name}.{form}")
    async def answer(request: Request, asked: Asked, filters: Chosen, form: str) -> Response:
        if form not in FORMS:
            raise HTTPException(404, f"There is no form {form}; there are json, csv and sql.")
        reply = await answers.reply((asked, filters, form), partial(_answer, asked, filters, form))
        return _response(request, reply) if reply else busy()

    @app.get("/")
    @app.get("/{name}")
    async def file(request: Request, name: str = "index.html") -> Response:
        if name not in FILES:
            raise HTTPException(404, f"There is no {name} here.")
        return _response(request, await asyncio.to_thread(_file, name))

    return Admission(app)


async def refused(request: Request, error: HTTPException) -> Response:
    """Redirect a browser without a valid session to the login, and from there back to the page."""
    is_logged_out = error.status_code == 401 or error.detail == "Invalid JWT token"
    if not is_logged_out or "text/html" not in request.headers.get("accept", ""):
        return await http_exception_handler(request, error)
    page = request.scope["root_path"]
    airflow = page.rpartition("/")[0]
    back = urlencode({"next": f"{page}/?{request.url.query}"})
    return RedirectResponse(f"{airflow}/api/v2/auth/login?{back}")


def _json(asked: Question, filters: Filters) -> Reply:
    with reading(SECONDS) as read:
        answer = read(*query(asked, filters))
        text = as_json(document(asked, filters, answer, read(AS_OF)))
    return Reply(gzip.compress(text.encode(), 5), "application/json")


def _csv(asked: Question, filters: Filters) -> Reply:
    with reading(SECONDS) as read:
        answer = read(*query(asked, filters))
    headers = {"Content-Disposition": f'attachment; filename="{file_name(asked, filters, answer)}"'}
    return Reply(gzip.compress(as_csv(answer).encode(), 5), "text/csv; charset=utf-8", headers)


FORMS: dict[str, Callable[[Question, Filters], Reply]] = {"json": _json, "csv": _csv}


def _answer(asked: Question, filters: Filters, form: str) -> Reply:
    began = time.monotonic()
    try:
        return FORMS[form](asked, filters)
    except Exception as error:
        log.exception("%s was not answered", asked.name)
        if time.monotonic() - began >= SECONDS:
            why = f"took longer than {SECONDS:.0f} s: try a smaller range, or try again later"
            return _failure(HTTPStatus.GATEWAY_TIMEOUT, f"{asked.name} {why}.")
        return _failure(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"The warehouse did not answer {asked.name}: {type(error).__name__}. Check that the "
            "connection sparkify_warehouse works and that the DAG sparkify_schema has run. The API "
            "server's log has the details.",
        )


def _failure(status: HTTPStatus, detail: str) -> Reply:
    body = gzip.compress(as_json({"detail": detail}).encode())
    return Reply(body, "application/json", status=status)


@cache
def _file(name: str) -> Reply:
    """Return a file of the page, compressed once because the charting library takes a moment."""
    headers = {"Cache-Control": "private, max-age=86400"} if name in LIBRARY else {}
    file = FILES[name]
    return Reply(gzip.compress(file.read_bytes()), MEDIA_TYPES[file.suffix], headers)


def _response(request: Request, reply: Reply) -> Response:
    body, headers = reply.body, {**reply.headers, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return Response(body, reply.status, headers, reply.media_type)
