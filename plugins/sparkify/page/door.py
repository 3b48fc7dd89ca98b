"""Lets requests in to the page: so many at once, and none out without the headers that protect."""

import json

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sparkify.page.desk import RETRY_AFTER

INSIDE = 33
"""How many requests may be under way: three that are answered, and a short queue."""

HEADERS = {
    # The page fetches nothing from elsewhere, and is framed by Airflow alone. Plotly styles
    # what it draws by hand.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Door:
    """
    The page's outermost layer, around whatever answers.

    Who is turned away costs Airflow next to nothing, so that however many ask for the page,
    Airflow's own API has the time that it needs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or turn it away."""

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] == "http" and self._inside >= INSIDE:
            await busy()(scope, receive, send_protected)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send_protected)
        finally:
            self._inside -= 1


def busy() -> Response:
    """What is answered where there is no time for an answer."""
    return Response(
        json.dumps({"detail": "The page is busy with other questions: try again in a moment."}),
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER)},
        media_type="application/json",
    )
