"""A world that is small enough to answer each question by hand."""

from tests.support.sources import play, visit

GARBLED = "BjÃ\x83Â¶rk"
UNDO = {"song": "Undo", "artist": "Björk", "length": 100.5}
GRACE = {"userId": "2", "firstName": "Grace", "sessionId": 2, "location": "Arlington, VA"}

EVENTS = [
    # Ada, free, listens on a Monday; the week before, nobody else does.
    play("2018-11-05 10:00:00"),
    play("2018-11-05 10:04:00", itemInSession=1, **UNDO | {"artist": GARBLED}),
    # The Monday after, she plays the same, upgrades within her session, and plays on.
    play("2018-11-12 10:58:00", sessionId=3),
    visit("2018-11-12 10:59:00", "Submit Upgrade", sessionId=3, itemInSession=1),
    play("2018-11-12 11:02:00", sessionId=3, itemInSession=2, level="paid", **UNDO),
    play("2018-11-12 11:06:00", sessionId=3, itemInSession=3, level="paid", **UNDO),
    # Grace comes on Tuesday, has always paid, and downgrades on Wednesday.
    play("2018-11-13 23:00:00", level="paid", **GRACE, **UNDO),
    visit("2018-11-14 22:00:00", "Home", level="free", itemInSession=1, **GRACE),
]
