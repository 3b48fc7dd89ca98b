"""Stand-ins for ``sparkify.macros``, for sqlfluff: no Airflow, no run, a fixed month."""

from datetime import UTC, datetime

from sparkify.window import Window
from sparkify.window import literal as literal

MONTH = Window(datetime(2018, 11, 1, tzinfo=UTC), datetime(2018, 12, 1, tzinfo=UTC))
NOW = "2018-12-01 00:00:00"
ENGINE = "postgres"


def window() -> Window:
    return MONTH


def in_range(column: str) -> str:
    return MONTH.holds(column)


def days_in_range(column: str) -> str:
    return MONTH.holds_days(column)


def of_level_and_place(level: str = "level", location: str = "location") -> str:
    return f"({level} = 'paid' and {location} = 'London, UK')"


def has_level_or_place() -> bool:
    return True


def primary_key(*columns: str) -> str:
    return f"primary key ({', '.join(columns)})," if ENGINE == "postgres" else ""


def in_event_files(column: str) -> str:
    return MONTH.holds(column)


def in_split_hours(column: str) -> str:
    return MONTH.holds(column)


def staging(table: str) -> str:
    return f"{table}_0"


def scratch(table: str) -> str:
    return f"scratch_{table}"


def engine() -> str:
    return ENGINE


def bytewise() -> str:
    return ' collate "C"' if ENGINE == "postgres" else ""


def quoted(text: str) -> str:
    return f"'{text}'"


def now() -> str:
    return NOW


def kept_since() -> str:
    return NOW


def alive_since() -> str:
    return NOW


def seconds(moment: str) -> str:
    return f"cast(extract(epoch from {moment}) as double precision)"


def seconds_since(column: str) -> str:
    return f"extract(epoch from timestamp '{NOW}') - extract(epoch from {column})"


def newest_is_published() -> str:
    return "max(claims.reading) is null"


def content(*columns: str) -> str:
    return f"length('{' '.join(columns)}')"


def row_version(table: str, *more: str) -> str:
    return "cast(substring(md5(level), 1, 11) as bigint)"


def setting(name: str) -> str:
    return "24"


def stale_hours() -> int:
    return 24


def partition_slack() -> str:
    return "interval '0 hours'"


def reject_limit() -> float:
    return 0.01


def drift_severity() -> str:
    return "warn"


def unless_removal_is_allowed() -> str:
    return "1 = 1"


def is_scheduled() -> bool:
    return True
