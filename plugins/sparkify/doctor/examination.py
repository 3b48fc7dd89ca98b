"""What an examination is, and how one failing examination leaves the others whole."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from sparkify.doctor.errors import describe
from sparkify.doctor.subject import Subject


class Verdict(Enum):
    """The result of an examination."""

    HOLDS = "holds"
    BROKEN = "does not hold"
    UNKNOWN = "cannot be told"


class DoesNotHoldError(Exception):
    """
    What an examination establishes does not hold.

    :param problem: what was found instead
    :param fix: what to do, if not what the examination advises in general
    """

    verdict = Verdict.BROKEN

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem)
        self.fix = fix


class CannotTellError(DoesNotHoldError):
    """Something that an examination needs is not there."""

    verdict = Verdict.UNKNOWN


@dataclass(frozen=True)
class Examination:
    """
    An examination, which establishes one thing.

    :param name: its name
    :param establishes: what holds, as a sentence
    :param examine: returns what was found, or raises if it does not hold
    :param fix: what to do if it does not hold; not needed where the error itself says so
    :param needs: examinations without which it cannot be told
    :param engine: the engine that it is about; by default both
    """

    name: str
    establishes: str
    examine: Callable[[Subject], str]
    fix: str = ""
    needs: Sequence["Examination"] = ()
    engine: str = ""

    def run(self, subject: Subject) -> "Finding":
        """Examine; whatever is raised is a finding."""
        try:
            found = self.examine(subject)
        except DoesNotHoldError as error:
            return self._finding(subject, error.verdict, str(error), error.fix or self.fix)
        except Exception as error:  # whatever is wrong, the other examinations still run
            return self._finding(subject, Verdict.BROKEN, describe(error), self.fix)
        return Finding(self.name, Verdict.HOLDS, subject.hide(found or self.establishes))

    def _finding(self, subject: Subject, verdict: Verdict, problem: str, fix: str) -> "Finding":
        text = " ".join(filter(None, (_sentence(problem), fix and f"What to do: {fix}")))
        if verdict is Verdict.BROKEN:
            text = f"{self.establishes} Instead: {text}"
        return Finding(self.name, verdict, subject.hide(text))


def examination(
    *, fix: str = "", needs: Sequence[Examination] = (), engine: str = ""
) -> Callable[[Callable[[Subject], str]], Examination]:
    """Make a function an examination of its name, which establishes what its docstring says."""

    def make(function: Callable[[Subject], str]) -> Examination:
        establishes = " ".join((function.__doc__ or "").split())
        return Examination(function.__name__, establishes, function, fix, needs, engine)

    return make


class Finding(NamedTuple):
    """The verdict of an examination, and what was found."""

    name: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        # On one line, whatever a message holds.
        return f"{self.verdict.value:<14}  {self.name}: {' '.join(self.text.split())}"


def examine(examinations: Iterable[Examination], subject: Subject) -> Iterator[Finding]:
    """Examine in this order; what needs something that does not hold cannot be told."""
    held: set[str] = set()
    for one in examinations:
        if one.engine and subject.known_engine not in ("", one.engine):
            continue
        if missing := [need.name for need in one.needs if need.name not in held]:
            yield Finding(one.name, Verdict.UNKNOWN, f"it needs: {', '.join(missing)}.")
            continue
        finding = one.run(subject)
        if finding.verdict is Verdict.HOLDS:
            held.add(one.name)
        yield finding


def summary(findings: Iterable[Finding]) -> str:
    """Count the verdicts."""
    counts = Counter(finding.verdict for finding in findings)
    return (
        f"{counts[Verdict.HOLDS]} hold, {counts[Verdict.BROKEN]} do not hold, "
        f"{counts[Verdict.UNKNOWN]} cannot be told."
    )


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
