"""The app's pages: how they are requested and what follows them."""

PLAY = "NextSong"
OUTSIDE = ""
"""The start and the end of a session."""

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

REDIRECTS = {"Login", "Logout", "Save Settings", "Submit Upgrade", "Submit Downgrade"}
"""Pages that follow a click on the page before immediately."""

Transitions = dict[str, tuple[tuple[float, str], ...]]


def _transitions(percent: dict[str, dict[str, float]]) -> Transitions:
    """Return cumulative shares of the following pages; the remainder to 100 ends the session."""
    transitions: Transitions = {}
    for page, shares in percent.items():
        bound = 0.0
        steps = []
        for following, share in shares.items():
            bound += share / 100
            steps.append((bound, following))
        transitions[page] = tuple(steps)
    return transitions


_FREE = _transitions(
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

_PAID = _transitions(
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

_LOGGED_OUT = _transitions(
    {
        OUTSIDE: {"Home": 70, "Login": 30},
        "Logout": {"Home": 100},
        "Home": {"Login": 36, "Home": 14, "About": 7, "Help": 4},
        "About": {"Login": 30, "Home": 15, "About": 5},
        "Help": {"Login": 25, "Help": 25},
    }
)

TRANSITIONS = {"free": _FREE, "paid": _PAID, "out": _LOGGED_OUT}
"""By state: the user's level, or ``out`` while logged out."""


def page_after(page: str, state: str, draw: float) -> str:
    """Return the following page for a draw from [0, 1)."""
    for bound, following in TRANSITIONS[state][page]:
        if draw < bound:
            return following
    return OUTSIDE
