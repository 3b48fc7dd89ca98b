"""The list of all examinations, in the order in which they are made."""

from airflow.sdk.exceptions import AirflowFailException

from sparkify.doctor import copying, deployment, source, statements, warehouse
from sparkify.doctor.examination import DoesNotHoldError, Examination, examination
from sparkify.doctor.subject import Subject

SHOWN = 2


@examination(
    fix="Remove it by hand, and let the doctor do so: drop on what its user creates, and "
    "s3:DeleteObject below sparkify_manifest_prefix.",
)
def removal(subject: Subject) -> str:
    """Everything that was made for the examinations is removed."""
    if left := subject.clean():
        more = f", and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise DoesNotHoldError(f"This is left: {', '.join(left[:SHOWN])}{more}.")
    return ""


def examinations() -> list[Examination]:
    """Return all examinations; those of statements are files."""
    try:
        forms = statements.forms()
    except AirflowFailException:  # the examination of the SQL says so
        forms = []
    return [
        deployment.packages,
        deployment.sql,
        deployment.masking,
        deployment.variables,
        warehouse.connection,
        warehouse.address,
        warehouse.login,
        warehouse.encryption,
        warehouse.rights,
        warehouse.tables,
        warehouse.isolation,
        warehouse.time_zone,
        statements.scratch,
        statements.texts,
        statements.turns,
        *forms,
        source.source,
        source.storage,
        source.listing,
        source.event_files,
        source.run,
        source.events,
        source.songs,
        source.jsonpaths,
        copying.manifests,
        copying.copy,
        copying.rejects,
        copying.load_views,
        removal,
    ]
