"""The page "Sparkify" in Airflow's web UI: what users listen to, and the state of the data."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class Page:
    """
    The page's web application, created on the first request.

    Every Airflow process imports this file, but only the API server needs a web framework.
    """

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Answer a request."""
        if self._app is None:
            from sparkify.page.app import make_app

            self._app = make_app()
        await self._app(scope, receive, send)


class SparkifyPlugin(AirflowPlugin):
    """Add the page to the navigation."""

    name = "sparkify"
    fastapi_apps: ClassVar[list[Any]] = [
        {"app": Page(), "url_prefix": "/sparkify", "name": "Sparkify"}
    ]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Sparkify",
            # Relative to [api] base_url, which may have a path.
            "href": "sparkify/",
            "destination": "nav",
            "url_route": "sparkify",
        }
    ]
