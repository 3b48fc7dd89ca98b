"""What the doctor finds."""

from sparkify.doctor.examination import Finding, Verdict, examine
from sparkify.doctor.examinations import examinations
from sparkify.doctor.subject import Subject
from sparkify.settings import setting

HOLDS, BROKEN, UNKNOWN = Verdict.HOLDS, Verdict.BROKEN, Verdict.UNKNOWN


def findings() -> dict[str, Finding]:
    """Every finding, by the examination's name."""
    setting.cache_clear()
    with Subject() as subject:
        return {finding.name: finding for finding in examine(examinations(), subject)}


def not_held(found: dict[str, Finding]) -> dict[str, Verdict]:
    """The verdicts of those that do not hold, or cannot be told."""
    return {name: one.verdict for name, one in found.items() if one.verdict is not HOLDS}


def only(found: dict[str, Finding], name: str) -> str:
    """The line of the only examination that does not hold; others need it, if they are unknown."""
    broken = [one for one in found.values() if one.verdict is BROKEN]
    assert [one.name for one in broken] == [name], "\n".join(map(str, found.values()))
    unknown = [one for one in found.values() if one.verdict is UNKNOWN]
    assert all(one.text.startswith("it needs: ") for one in unknown), unknown
    return str(broken[0])
