"""Prefixes that together name certain objects of a bucket, and no other."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from os.path import commonprefix

from airflow.sdk.exceptions import AirflowFailException


def prefixes(wanted: Collection[str], present: Collection[str]) -> list[str]:
    """
    The fewest prefixes that match all the wanted names and none of the others present.

    :param present: every name that begins like the wanted ones, these included
    """
    return list(_cover(sorted(wanted), sorted(set(present) - set(wanted))))


def beginning(names: Sequence[str]) -> str:
    """What all the names begin with."""
    return commonprefix(names)  # noqa: RUF071 - letter by letter is what S3's prefixes go by


def _cover(wanted: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    common = beginning(wanted)
    others = [name for name in others if name.startswith(common)]
    if not others:
        yield common
        return
    if common in wanted:
        raise AirflowFailException(
            f"COPY reads by prefix, and {common} is the prefix of {others[0]} too, which is not "
            "meant. Set the variable sparkify_manifest_prefix to a place that may be written, such "
            "as s3://my-bucket/manifests, or move one of the two."
        )
    for _, alike in groupby(wanted, key=lambda name: name[: len(common) + 1]):
        yield from _cover(list(alike), others)
