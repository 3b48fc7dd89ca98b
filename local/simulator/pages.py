"""The app's pages: how each is requested and what follows it."""

PLAY = "NextSong"
OUTSIDE = ""
"""Where a session comes from and goes to."""

METHOD_AND_STATUS = {
    "NextSong": ("PUT", 200),
    "Home": ("GET", 200),
    "About": ("GET", 200),
    "Help": ("GET", 200),
    "Settings": ("GET", 200),
    "Upgrade": ("GET", 200),
    "Downgrade": ("GET", 200),
    "Error": ("GET", 404),
    "Login": ("PUT", 307),
    "Logout": ("PUT", 307),
    "Save Settings": ("PUT", 307),
    "Submit Upgrade": ("PUT", 307),
    "Submit Downgrade": ("PUT", 307),
}

ANSWERS = {"Login", "Logout", "Save Settings", "Submit Upgrade", "Submit Downgrade"}
"""Pages that answer a button on the page before: they follow at once."""

Paths = dict[str, tuple[tuple[float, str], ...]]


def _paths(percent: dict[str, dict[str, float]]) -> Paths:
    """Running sums of what follows each page; what is missing to 100 ends the session."""
    paths: Paths = {}
    for page, shares in percent.items():
        bound = 0.0
        steps = []
        for following, share in shares.items():
            bound += share / 100
            steps.append((bound, following))
        paths[page] = tuple(steps)
    return paths


_FREE = _paths(
    {
        OUTSIDE: {"NextSong": 58, "Home": 41, "About": 0.5, "Help": 0.5},
        "NextSong": {
            "NextSong": 52,
            "Home": 3,
            "Logout": 2,
            "Upgrade": 1.4,
            "Help": 0.4,
            "Error": 0.2,
        },
        "Home": {"NextSong": 55, "Settings": 3, "Upgrade": 1, "Home": 1, "Logout": 1, "About": 0.5},
        "Upgrade": {"Submit Upgrade": 40, "Home": 25, "NextSong": 15, "Upgrade": 5},
        "Submit Upgrade": {"Home": 100},
        "Submit Downgrade": {"Home": 100},
        "Settings": {"NextSong": 45, "Save Settings": 20, "Home": 15, "Help": 10},
        "Save Settings": {"Home": 90},
        "About": {"Home": 25, "NextSong": 15},
        "Help": {"NextSong": 50, "Home": 20},
        "Error": {"NextSong": 40, "Home": 20},
        "Login": {"Home": 100},
    }
)

_PAID = _paths(
    {
        OUTSIDE: {"NextSong": 60, "Home": 40},
        "NextSong": {
            "NextSong": 92.5,
            "Home": 2.1,
            "Logout": 0.9,
            "Downgrade": 0.9,
            "Settings": 0.6,
            "Help": 0.5,
            "About": 0.2,
            "Error": 0.1,
        },
        "Home": {"NextSong": 86, "Settings": 3, "Logout": 2, "Downgrade": 2, "About": 0.5},
        "Downgrade": {"NextSong": 55, "Home": 17, "Submit Downgrade": 8, "Downgrade": 3},
        "Submit Upgrade": {"Home": 100},
        "Submit Downgrade": {"Home": 100},
        "Settings": {"NextSong": 57, "Save Settings": 20, "Logout": 7, "Home": 6, "Help": 5},
        "Save Settings": {"Home": 95},
        "About": {"NextSong": 30, "Home": 20, "About": 15},
        "Help": {"NextSong": 80, "Home": 6, "Downgrade": 5},
        "Error": {"NextSong": 25, "Home": 15},
        "Login": {"Home": 100},
    }
)

_LOGGED_OUT = _paths(
    {
        OUTSIDE: {"Home": 70, "Login": 30},
        "Logout": {"Home": 100},
        "Home": {"Login": 36, "Home": 14, "About": 7, "Help": 4},
        "About": {"Login": 30, "Home": 15, "About": 5},
        "Help": {"Login": 25, "Help": 25},
    }
)

PATHS = {"free": _FREE, "paid": _PAID, "out": _LOGGED_OUT}
"""By mood: the user's level, or ``out`` while logged out."""


def page_after(page: str, mood: str, draw: float) -> str:
    """Return the page which a draw from [0, 1) leads to."""
    for bound, following in PATHS[mood][page]:
        if draw < bound:
            return following
    return OUTSIDE
