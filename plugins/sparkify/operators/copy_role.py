"""Create the role with which COPY reads the source."""

import json
from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.sts import StsHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk import Context

POLICY = "read-the-source"


class CopyRoleOperator(AwsBaseOperator[AwsBaseHook]):
    """
    Create or update an IAM role that may only read one bucket, and return its ARN.

    Redshift may assume it, for COPY; so may principals of the account whose own policies allow it,
    since Airflow lists the source with it.

    :param role: name of the role (templated)
    :param bucket: name of the bucket (templated)
    :param kms_key: ARN of the KMS key that the bucket is encrypted with, if any (templated)
    """

    aws_hook_class = AwsBaseHook
    template_fields: Sequence[str] = aws_template_fields("role", "bucket", "kms_key")
    ui_color = "#fbe3c0"

    def __init__(self, *, role: str, bucket: str, kms_key: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.role = role
        self.bucket = bucket
        self.kms_key = kms_key

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow's signature
        """Create or update the role with its policies, and return its ARN."""
        iam = AwsBaseHook(aws_conn_id=self.aws_conn_id, client_type="iam").conn
        trust = json.dumps(self._trust())
        try:
            found = iam.create_role(
                RoleName=self.role,
                AssumeRolePolicyDocument=trust,
                Description="Sparkify: COPY reads the source with this role",
            )
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=self.role, PolicyDocument=trust)
            found = iam.get_role(RoleName=self.role)
        iam.put_role_policy(
            RoleName=self.role, PolicyName=POLICY, PolicyDocument=json.dumps(self._policy())
        )
        arn = str(found["Role"]["Arn"])
        self.log.info("Set this as role_arn in the extra of the connection sparkify_s3: %s", arn)
        return arn

    def _trust(self) -> dict[str, Any]:
        account = StsHook(aws_conn_id=self.aws_conn_id).get_account_number()
        principal = {"Service": "redshift.amazonaws.com", "AWS": f"arn:aws:iam::{account}:root"}
        return _document({"Principal": principal, "Action": "sts:AssumeRole"})

    def _policy(self) -> dict[str, Any]:
        bucket = f"arn:aws:s3:::{self.bucket}"
        decrypt = {"Action": "kms:Decrypt", "Resource": self.kms_key}
        return _document(
            {"Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": bucket},
            {"Action": "s3:GetObject", "Resource": f"{bucket}/*"},
            *([decrypt] if self.kms_key else []),
        )


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", **statement} for statement in statements],
    }
