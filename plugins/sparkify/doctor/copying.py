"""Examinations of Redshift's COPY, with a few records that are written for it and removed again."""

import gzip
import json
from contextlib import closing
from functools import partial
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.sdk.exceptions import AirflowFailException

from sparkify.doctor.examination import CannotTellError, DoesNotHoldError, examination
from sparkify.doctor.source import in_s3, storage
from sparkify.doctor.statements import scratch
from sparkify.doctor.subject import Subject
from sparkify.doctor.warehouse import MOMENT
from sparkify.settings import STORAGE, setting
from sparkify.staging.copy_log import loads_since
from sparkify.staging.copy_statement import copy_options, copy_statement
from sparkify.warehouse import REDSHIFT

TS = 946_684_799_796
"""``MOMENT`` as the app writes it."""

GOOD = {"song": "Björk", "TS": TS, "userId": "15"}
BROKEN = {
    "is no JSON": '{"song": "cut',
    "has no ts": json.dumps({"song": "no ts"}),
    "holds a NUL": json.dumps({"song": "a\0b", "ts": TS}),
}
"""Records that must be rejected, each on a line of its own before a good one."""

ROWS = [("Björk", MOMENT, 15)]


@examination(
    needs=[storage, scratch],
    engine=REDSHIFT,
    fix="Let the connection sparkify_s3 write, read and delete objects below "
    "sparkify_manifest_prefix (s3:PutObject, s3:GetObject, s3:DeleteObject; with a KMS key also "
    "kms:GenerateDataKey and kms:Decrypt).",
)
def manifests(subject: Subject) -> str:
    """Manifests for COPY can be written below the variable sparkify_manifest_prefix, and read."""
    prefix = setting("manifest_prefix")
    if not prefix:
        raise CannotTellError(
            "the variable sparkify_manifest_prefix is not set, so there is no place to write",
            "Set it to a location for manifests, such as s3://my-bucket/manifests; COPY then needs "
            "one statement for any files, and the doctor can write its records there.",
        )
    place = in_s3(f"{prefix.rstrip('/')}/{subject.name}")
    objects = {
        "good.json": json.dumps(GOOD, ensure_ascii=False).encode(),
        "empty.json": b"",
        "good.json.gz": gzip.compress(json.dumps(GOOD).encode()),
        "broken.json": "\n".join([*BROKEN.values(), json.dumps(GOOD)]).encode(),
    }
    lists = {
        "plain": ("good.json", "empty.json"),
        "gzip": ("good.json.gz",),
        "rejects": ("broken.json",),
    }
    for name, files in lists.items():
        entries = [{"url": f"{place.url}/{file}", "mandatory": True} for file in files]
        objects[f"{name}.manifest"] = json.dumps({"entries": entries}).encode()
    for name, content in objects.items():
        subject.remove_later(f"{place.url}/{name}", partial(place.delete, name))
        try:
            place.write(name, content)
        except AirflowFailException:
            subject.nothing_made()
            raise
    found = {file.name: file for file in place.list("")}
    if missing := sorted(objects.keys() - found.keys()):
        raise DoesNotHoldError(f"{', '.join(missing)} is not listed after it was written.")
    with closing(place.open(found["plain.manifest"])) as opened:
        if opened.read(1 << 16) != objects["plain.manifest"]:
            raise DoesNotHoldError("A manifest was read otherwise than it was written.")
    return f"{len(objects)} objects were written, one of them read"


@examination(
    needs=[manifests],
    engine=REDSHIFT,
    fix="If this is about the role: associate it with the cluster, or with the namespace of the "
    "workgroup, and let Redshift assume it (docs/redshift.md). If it is about S3: let the role, or "
    "the key, read the bucket, and set region in the extra of sparkify_s3 to the bucket's.",
)
def copy(subject: Subject) -> str:
    """COPY reads objects, empty and compressed ones too, by manifest, and keeps milliseconds."""
    table = subject.scratch("copied")
    with subject.rolled_back() as cursor:
        _create(cursor, table)
        _copy(subject, cursor, table, "plain")
        _copy(subject, cursor, table, "gzip", "gzip")
        rows = _contents(cursor, table)
    if rows != ROWS * 2:
        raise DoesNotHoldError(f"Of two records it made these rows: {rows}.")
    return "with " + ("a role" if _role() else "a key")


@examination(
    needs=[copy],
    engine=REDSHIFT,
    fix="One such record would stop the load of its hour. Report what the warehouse says.",
)
def rejects(subject: Subject) -> str:
    """COPY rejects a record that is no JSON, has no ts or holds a NUL, and loads the rest."""
    table = subject.scratch(f"{subject.name}_rejects")
    with subject.rolled_back() as cursor:
        _create(cursor, table)
        _copy(subject, cursor, table, "rejects")
        rows = _contents(cursor, table)
    if rows != ROWS:
        raise DoesNotHoldError(
            f"Of one good record among {len(BROKEN)} it made these rows: {rows}."
        )
    return ""


@examination(
    needs=[rejects],
    engine=REDSHIFT,
    fix="Runs read there what COPY rejected, so they would fail. Report what the views show.",
)
def load_views(subject: Subject) -> str:
    """The views sys_load_… show, within a minute, what a COPY read and what it rejected."""
    # Redshift shows the COPY of a transaction that was rolled back, too.
    with subject.rolled_back() as cursor:
        loads = loads_since(cursor, f"{subject.name}_rejects", 0, 1)
    lines = {line for _, line, *_ in loads.errors}
    if lines != set(range(1, len(BROKEN) + 1)):
        raise DoesNotHoldError(f"Rejected lines 1 to {len(BROKEN)}, but they show {sorted(lines)}.")
    if sum(loads.lines.values()) != len(BROKEN) + 1:
        raise DoesNotHoldError(f"Of {len(BROKEN) + 1} lines they show {dict(loads.lines)}.")
    return "; ".join(sorted(error.message for error in loads.errors))


def _create(cursor: Any, table: str) -> None:
    cursor.execute(f"create table {table} (song varchar(64), ts timestamp not null, userid bigint)")


def _contents(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"select song, ts, userid from {table}")
    return [tuple(row) for row in cursor.fetchall()]


def _copy(subject: Subject, cursor: Any, table: str, name: str, *options: str) -> None:
    """Run the provider's COPY of a manifest, which nothing logs, because it may hold a key."""
    # Imported here, so that a package that is not installed is a finding.
    from sparkify.staging.redshift import Copy

    prefix = setting("manifest_prefix").rstrip("/")
    one = Copy(f"{prefix}/{subject.name}/{name}.manifest", [*options, "manifest"])
    operator = S3ToRedshiftOperator(
        task_id="copy",
        table=table,
        s3_bucket=one.bucket,
        s3_key=one.key,
        aws_conn_id=STORAGE,
    )
    if not _role():
        _hide_key(subject)
    cursor.execute(copy_statement(operator, copy_options(one.options)))


def _role() -> str:
    return str(S3Hook(aws_conn_id=STORAGE).conn_config.role_arn or "")


def _hide_key(subject: Subject) -> None:
    credentials = S3Hook(aws_conn_id=STORAGE).get_credentials()
    subject.secrets |= {part for part in (credentials.secret_key, credentials.token) if part}
