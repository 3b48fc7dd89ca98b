"""Examine a deployment where there is no shell."""

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from sparkify.operators.errors import VisibleErrorsMixin


class ExamineDeploymentOperator(VisibleErrorsMixin):
    """
    Examine the deployment, as ``airflow sparkify doctor`` does, and log a line per examination.

    It fails, without a retry, if anything does not hold.
    """

    ui_color = "#f6cfd9"

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Examine everything, then return the lines, or fail once with all that does not hold."""
        # Imported here, because they are slow to import.
        from sparkify.doctor.examination import Verdict, examine, summary
        from sparkify.doctor.examinations import examinations
        from sparkify.doctor.subject import Subject

        findings = []
        with Subject() as subject:
            for finding in examine(examinations(), subject):
                log = self.log.info if finding.verdict is Verdict.HOLDS else self.log.warning
                log("%s", finding)
                findings.append(finding)
        self.log.info("%s", summary(findings))
        broken = [str(finding) for finding in findings if finding.verdict is Verdict.BROKEN]
        if broken:
            raise AirflowFailException("\n".join([summary(findings), *broken]))
        return list(map(str, findings))
