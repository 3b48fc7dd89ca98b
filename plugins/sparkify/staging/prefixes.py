"""Prefixes that together match certain objects of a bucket, and no others."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from os.path import commonprefix

from airflow.sdk.exceptions import AirflowFailException


def prefixes(wanted: Collection[str], present: Collection[str]) -> list[str]:
    """
    Return the fewest prefixes that match all wanted names and no other present ones.

    :param present: every name that begins like the wanted ones, including those
    """
    return list(_cover(sorted(wanted), sorted(set(present) - set(wanted))))


def beginning(names: Sequence[str]) -> str:
    """Return the common prefix of the names."""
    return commonprefix(names)  # noqa: RUF071 - S3's prefixes are not paths


def _cover(wanted: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    common = beginning(wanted)
    others = [name for name in others if name.startswith(common)]
    if not others:
        yield common
        return
    if common in wanted:
        raise AirflowFailException(
            f"COPY reads by prefix, but {common} is also a prefix of {others[0]}, which must not "
            "be read. Set the variable sparkify_manifest_prefix to a writable location, such as "
            "s3://my-bucket/manifests, or move one of the two."
        )
    for _, group in groupby(wanted, key=lambda name: name[: len(common) + 1]):
        yield from _cover(list(group), others)
