"""What the page is made of: its own files, and the charting library from its package."""

from importlib.resources import files
from pathlib import Path

STATIC = Path(__file__).parent / "static"

# The package's own file: nothing is fetched from the internet.
LIBRARY = {"plotly.js": Path(str(files("plotly"))) / "package_data" / "plotly.min.js"}

FILES = {file.name: file for file in STATIC.iterdir()} | LIBRARY
"""Every file of the page, by the name that the page calls it by."""

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

REPORT = "what_users_listen_to.html"
"""The name of the one file that has all of it, and the answers."""
