"""The page's web application: the page itself, and answers as JSON, CSV and the SQL behind them."""

import csv
import io
import logging
from datetime import date
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, PlainTextResponse

from sparkify.page.documents import document
from sparkify.page.files import FILES, LIBRARY
from sparkify.page.questions import AS_OF, Question, Range, questions, rendered
from sparkify.page.warehouse import Answer, ask

log = logging.getLogger(__name__)

# Whoever may see the runs of the DAG that loads the warehouse may see what it loaded.
MAY_READ = requires_access_dag(
    method="GET", access_entity=DagAccessEntity.RUN, param_dag_id="sparkify"
)

HEADERS = {
    # The page fetches nothing from elsewhere, and is framed by Airflow alone. Plotly styles
    # what it draws by hand.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def days(
    first: Annotated[date | None, Query(description="First day, UTC")] = None,
    last: Annotated[date | None, Query(description="Last day, UTC")] = None,
) -> Range:
    """The range that a request names."""
    if first and last and first > last:
        raise HTTPException(422, f"The range is empty: {first} is after {last}.")
    return Range(first, last)


def question(name: str) -> Question:
    """The question that a request names."""
    found = questions().get(name)
    if found is None:
        raise HTTPException(404, f"There is no question {name}; sql/questions has them all.")
    return found


Days = Annotated[Range, Depends(days)]
Asked = Annotated[Question, Depends(question)]


def make_app() -> FastAPI:
    """The application, behind Airflow's login."""
    app = FastAPI(dependencies=[Depends(MAY_READ)], openapi_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=1000)

    @app.get("/answers/{name}.json")
    def as_json(asked: Asked, range_: Days) -> dict[str, Any]:
        return document(asked, _answer(asked, range_), ask(AS_OF))

    @app.get("/answers/{name}.csv")
    def as_csv(asked: Asked, range_: Days) -> Response:
        answer = _answer(asked, range_)
        text = io.StringIO()
        csv.writer(text).writerows([answer.columns, *answer.rows])
        # Whoever keeps the file sees by its name that it is not all.
        name = asked.name + (f"-first-{len(answer.rows)}-rows" if answer.cut else "")
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(text.getvalue(), headers=HEADERS | headers, media_type="text/csv")

    @app.get("/answers/{name}.sql")
    def as_sql(asked: Asked, range_: Days) -> PlainTextResponse:
        return PlainTextResponse(rendered(asked, range_), headers=HEADERS)

    @app.get("/")
    @app.get("/{name}")
    def file(name: str = "index.html") -> FileResponse:
        if name not in FILES:
            raise HTTPException(404, f"There is no {name} here.")
        kept = {"Cache-Control": "max-age=86400"} if name in LIBRARY else {}
        return FileResponse(FILES[name], headers=HEADERS | kept)

    return app


def _answer(asked: Question, range_: Range) -> Answer:
    try:
        return ask(rendered(asked, range_))
    except Exception as error:
        log.exception("%s was not answered", asked.name)
        raise HTTPException(
            503,
            f"The warehouse did not answer {asked.name}: {type(error).__name__}. Look whether the "
            "connection sparkify_warehouse works and the DAG sparkify_schema has run; a smaller "
            "range may help. The API server's log has the rest.",
        ) from error
