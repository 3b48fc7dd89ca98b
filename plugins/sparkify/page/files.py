"""The files of the page, including the charting library from its Python package."""

from importlib.resources import files
from pathlib import Path

STATIC = Path(__file__).parent / "static"

# From the package, so that nothing is fetched from the internet.
LIBRARY = {"plotly.js": Path(str(files("plotly"))) / "package_data" / "plotly.min.js"}

FILES = {file.name: file for file in STATIC.iterdir()} | LIBRARY
"""Every file of the page, by its name in URLs."""

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

REPORT = "what_users_listen_to.html"
"""The name of the report, a single file with the page and its answers."""
