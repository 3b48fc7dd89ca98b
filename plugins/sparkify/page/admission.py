"""Limit the page's concurrent requests, and add security headers to its responses."""

import json

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sparkify.page.answer_queue import RETRY_AFTER

MAX_REQUESTS = 33
"""How many requests may be in progress: three being answered, and a short queue."""

HEADERS = {
    # The page fetches only from its own origin, and only Airflow frames it. Plotly needs inline
    # styles.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Admission:
    """
    The page's outermost middleware.

    Rejecting a request costs next to nothing, so Airflow's own API stays responsive however many
    requests the page gets.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or reject it if there are too many."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] == "http" and self._requests >= MAX_REQUESTS:
            await busy()(scope, receive, send_with_headers)
            return
        self._requests += 1
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._requests -= 1


def busy() -> Response:
    """Return the response to a request that cannot be handled now."""
    return Response(
        json.dumps({"detail": "The page is busy with other questions: try again in a moment."}),
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER)},
        media_type="application/json",
    )
