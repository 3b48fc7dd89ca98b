"""The doctor on the stand-in for Redshift: all is well, and each thing broken in turn."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from local.redshift import records, refusals, statements
from local.redshift.refusals import Refusal
from local.redshift.server import RedshiftServer
from local.servers.s3 import Storage
from sparkify.sources.bucket import BucketSource
from sparkify.staging import copy_log
from sparkify.warehouse import warehouse_hook
from tests.support.doctor import BROKEN, UNKNOWN, findings, not_held, only
from tests.support.redshift import refused_by_redshift
from tests.support.sources import Bucket, TestSource, play, song
from tests.support.warehouse import Warehouse

WAREHOUSE = "AIRFLOW_CONN_SPARKIFY_WAREHOUSE"
STORAGE = "AIRFLOW_CONN_SPARKIFY_S3"
ROLE = "arn:aws:iam::123456789012:role/sparkify-doctor"


@dataclass
class Deployment:
    """A deployment on the stand-in, whose role COPY uses."""

    warehouse: Warehouse
    server: RedshiftServer
    bucket: Bucket
    patch: pytest.MonkeyPatch

    def change(self, variable: str, **changes: Any) -> None:
        """Change a connection."""
        self.patch.setenv(variable, json.dumps(json.loads(os.environ[variable]) | changes))

    def change_extra(self, variable: str, **changes: Any) -> None:
        """Change the extra of a connection."""
        extra = json.loads(os.environ[variable])["extra"]
        self.change(variable, extra=extra | changes)

    def set(self, name: str, value: str) -> None:
        """Set a variable."""
        self.patch.setenv(f"AIRFLOW_VAR_SPARKIFY_{name}", value)

    def left(self) -> list[str]:
        """What the doctor has left, in the warehouse and in S3."""
        listed = self.bucket.client.list_objects_v2(Bucket=self.bucket.name, Prefix="manifests/")
        return [entry["Key"] for entry in listed.get("Contents", ())] + self.warehouse.column(
            "select nspname from pg_namespace where nspname like 'sparkify_doctor%' union all "
            "select relname from pg_class where relname like '%doctor%'"
        )


@pytest.fixture
def well(
    bucket: Bucket,
    source: TestSource,
    s3: Storage,
    redshift_server: RedshiftServer,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> Deployment:
    """A deployment that nothing is wrong with."""
    source.events(play("2018-11-15 10:00:00"))
    source.songs(song("SO1"))
    bucket.fill(source)
    iam = s3.client("iam")
    trust = json.dumps({"Statement": [{"Principal": {"Service": "redshift.amazonaws.com"}}]})
    if ROLE not in redshift_server.roles:
        iam.create_role(RoleName="sparkify-doctor", AssumeRolePolicyDocument=trust)
        redshift_server.roles.add(ROLE)
    made = Deployment(redshift_warehouse, redshift_server, bucket, monkeypatch)
    made.set("SOURCE", bucket.url)
    made.set("MANIFEST_PREFIX", f"s3://{bucket.name}/manifests")
    # Where a role is assumed is a setting of its own.
    service = {"sts": {"endpoint_url": s3.endpoint}}
    made.change_extra(STORAGE, role_arn=ROLE, service_config=service)
    return made


def test_a_deployment_that_nothing_is_wrong_with(well: Deployment) -> None:
    before = len(well.server.statements)
    found = findings()
    assert not_held(found) == {}
    assert found["isolation"].text == "Snapshot Isolation; both of Redshift's serve"
    assert found["copy"].text == "with a role"
    assert "Bad UTF8 hex sequence: 00" in found["load_views"].text
    assert well.left() == []
    copies = [sent.text for sent in well.server.statements[before:] if "COPY" in sent.text]
    assert len(copies) == 3
    assert all(f"aws_iam_role={ROLE}" in text for text in copies)


def test_both_isolation_levels_serve(well: Deployment) -> None:
    name = well.warehouse.value("select current_database()")
    warehouse_hook().run(f"alter database {name} isolation level serializable", autocommit=True)
    found = findings()
    assert not_held(found) == {}
    assert found["isolation"].text == "Serializable; both of Redshift's serve"


def test_with_a_key_which_nothing_shows(
    well: Deployment, s3: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    well.patch.setenv(STORAGE, s3.connection())
    with caplog.at_level("DEBUG"):
        found = findings()
    assert not_held(found) == {}
    assert found["copy"].text == "with a key"
    said = "".join(map(str, found.values())) + caplog.text
    assert s3.keys["local"] not in said
    assert well.server.password not in "".join(map(str, found.values()))


def test_without_a_place_to_write_copy_cannot_be_told(well: Deployment) -> None:
    well.set("MANIFEST_PREFIX", "")
    found = findings()
    names = ("manifests", "copy", "rejects", "load_views")
    assert not_held(found) == dict.fromkeys(names, UNKNOWN)
    assert "Set it to a location for manifests" in found["manifests"].text


Break = Callable[[Deployment], object]


def takes_nul(well: Deployment) -> None:
    """COPY loads a record without its NUL."""
    real = records._varchar
    converters = {**records.CONVERTERS}
    converters["character varying"] = lambda column, text: real(column, text.replace("\0", ""))
    well.patch.setattr(records, "CONVERTERS", converters)


def stops_without_ts(well: Deployment) -> None:
    """COPY ends at a null in a column that must have a value."""
    real = records._value

    def value(column: records.Column, its: Any, empty_as_null: bool) -> str | None:
        if its is None and column.required:
            raise refusals.RedshiftError(f"null value in column {column.name}", "23502")
        return real(column, its, empty_as_null)

    well.patch.setattr(records, "_value", value)


def lags(well: Deployment) -> None:
    """The views of a COPY show it much later."""
    well.patch.setattr("local.redshift.journal.LAG", 100)
    well.patch.setattr(copy_log, "PATIENCE", 0.5)


def refuses(pattern: str, message: str) -> Break:
    def also(well: Deployment) -> None:
        one = Refusal(pattern, message)
        well.patch.setattr(refusals, "REFUSALS", [*refusals.REFUSALS, one])
        # Without what it remembers of statements that other tests have sent.
        well.patch.setattr(statements, "refuse", refusals.refuse.__wrapped__)

    return also


def paths(**content: Any) -> Break:
    def put(well: Deployment) -> None:
        well.bucket.put("paths.json", json.dumps(content))
        well.set("JSONPATHS", f"{well.bucket.url}/paths.json")

    return put


def keeps_objects(well: Deployment) -> None:
    """Nobody may delete."""

    def delete(_: BucketSource, name: str) -> None:
        raise PermissionError(f"{name} cannot be deleted")

    well.patch.setattr(BucketSource, "delete", delete)


BREAKS: dict[str, tuple[Break, str, str]] = {
    "a wrong password": (
        lambda well: well.change(WAREHOUSE, password="Wr0ng/pass"),
        "login",
        r"password authentication failed for user \*\*\*\. What to do: Correct login, password",
    ),
    "plain text": (
        # Whatever its name, this machine.
        lambda well: well.change(WAREHOUSE, host="0.0.0.0"),  # noqa: S104 - nothing is bound
        "encryption",
        r"It is plain text\. What to do: Remove what turns it off from the connection's extra",
    ),
    "a source in a folder": (
        lambda well: well.set("SOURCE", "file:///srv/sparkify"),
        "source",
        r"'file:///srv/sparkify' is not in S3, the only one that Redshift reads",
    ),
    "no bucket": (
        lambda well: well.set("SOURCE", "s3://nowhere/app"),
        "listing",
        r"s3://nowhere cannot be listed: the bucket does not exist\. Set the variable",
    ),
    "no connection to S3": (
        lambda well: well.patch.delenv(STORAGE),
        "storage",
        r"sparkify_s3.*docs/redshift\.md shows the connection",
    ),
    "a role that is not associated": (
        lambda well: well.patch.setattr(well.server, "roles", set()),
        "copy",
        r"role/sparkify-doctor is not associated to cluster\. What to do: If this is about the "
        r"role: associate it",
    ),
    "manifests that cannot be written": (
        lambda well: well.set("MANIFEST_PREFIX", "s3://nowhere/manifests"),
        "manifests",
        r"s3://nowhere/\S+ cannot be written: the bucket does not exist\..*s3:PutObject",
    ),
    "objects that cannot be deleted": (
        keeps_objects,
        "removal",
        r"This is left: s3://\S+\.manifest .*cannot be deleted.*, and 5 more\..*s3:DeleteObject",
    ),
    "COPY takes a NUL": (
        takes_nul,
        "rejects",
        r"Of one good record among 3 it made these rows: .*'ab'",
    ),
    "COPY ends at a record without ts": (
        stops_without_ts,
        "rejects",
        r"Instead: null value in column ts\. What to do: One such record would stop the load",
    ),
    "views that do not show the COPY": (
        lags,
        "load_views",
        r"sys_load_detail lacks 1 files and sys_load_error_detail 3 errors\. What to do",
    ),
    "UPDATE … FROM": (
        refuses(
            r"^update \w+ set plays = counted", "Target table must be part of an equijoin predicate"
        ),
        "update_from",
        r"Target table must be part of an equijoin predicate\. What to do: Every run records",
    ),
    "LIKE": (
        refuses(r"\blike [\w.]+ including defaults", "syntax error"),
        "staging",
        r"Instead: syntax error\. What to do: Every run stages like this",
    ),
    "JSONPaths without paths": (
        paths(paths=[]),
        "jsonpaths",
        r"paths\.json has no list jsonpaths, and COPY would then ignore it",
    ),
    "JSONPaths for other columns": (
        paths(jsonpaths=["$.ts"]),
        "jsonpaths",
        r"paths\.json has 1 paths for 18 columns",
    ),
    "JSONPaths that are not there": (
        lambda well: well.set("JSONPATHS", f"{well.bucket.url}/none.json"),
        "jsonpaths",
        r"none\.json does not exist\. What to do: Correct the variable sparkify_jsonpaths",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_broken_is_found_and_nothing_else(what: str, well: Deployment) -> None:
    breaks, name, line = BREAKS[what]
    breaks(well)
    with refused_by_redshift():
        found = only(findings(), name)
    assert re.search(line, found), found
    assert "Wr0ng" not in found
    well.patch.undo()
    if name != "removal":
        assert well.left() == []


def test_a_wrong_key(well: Deployment, s3: Storage) -> None:
    well.patch.setenv(STORAGE, s3.connection())
    well.change(STORAGE, password="Wr0ng/secret")
    found = findings()
    broken = [name for name, verdict in not_held(found).items() if verdict is BROKEN]
    assert broken == ["listing", "manifests"]
    assert "cannot be listed" in found["listing"].text
    assert "Wr0ng" not in "".join(map(str, found.values()))
