"""What the tests of the doctor share."""

import pytest
from packaging.specifiers import SpecifierSet

from sparkify import versions


@pytest.fixture(autouse=True)
def _a_pre_release_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make matrix` examines the Airflow of tomorrow, too."""
    if not versions.SUPPORTED.contains(versions.AIRFLOW, prereleases=True):
        monkeypatch.setattr(versions, "SUPPORTED", SpecifierSet(f">=3.2.1,<={versions.AIRFLOW}"))
