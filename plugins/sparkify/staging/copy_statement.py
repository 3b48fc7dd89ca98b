"""The statement of a COPY, which nothing may log, since it may hold a key."""

from collections.abc import Sequence

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.providers.amazon.aws.utils.redshift import build_credentials_block

from sparkify.warehouse import quoted

COPY_OPTIONS = (
    "timeformat 'epochmillisecs'",
    "emptyasnull",
    # The maximum: all rejects are kept, and the audit compares them with the limit.
    "maxerror 100000",
    # A table for one run does not repay the search for its best compression.
    "compupdate off",
)


def copy_options(options: Sequence[str], jsonpaths: str = "") -> list[str]:
    """Return the options of a COPY: those of every COPY, and its own."""
    return [f"json {quoted(jsonpaths or 'auto ignorecase')}", *COPY_OPTIONS, *options]


def copy_statement(operator: S3ToRedshiftOperator, options: Sequence[str]) -> str:
    """
    Return the statement of the provider's operator, with the key of S3 unless there is a role.

    The operator and its hook would log it, and Airflow masks secrets in the task's log, but not in
    the copy that the scheduler prints.
    """
    s3 = S3Hook(aws_conn_id=operator.aws_conn_id, verify=operator.verify)
    config = s3.conn_config
    region = config.extra_config.get("region") or config.region_name
    return operator._build_copy_query(
        operator.table,
        f"aws_iam_role={config.role_arn}"
        if config.role_arn
        # Registers the secret with Airflow's masker, too.
        else build_credentials_block(s3.get_credentials()),
        f"region {quoted(region)}" if region else "",
        " ".join(options),
    )
