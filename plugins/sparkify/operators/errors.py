"""Show template errors where people look for them."""

import jinja2
from airflow.sdk import BaseOperator, Context


class VisibleErrorsMixin(BaseOperator):
    """Keeps template errors out of the log group that the web UI collapses."""

    def render_template_fields(
        self, context: Context, jinja_env: jinja2.Environment | None = None
    ) -> None:
        """Render the fields, which reads settings and params, and so reveals invalid ones."""
        try:
            super().render_template_fields(context, jinja_env)
        except Exception:
            # Airflow ends the group only before it executes the task.
            self.log.info("::endgroup::")
            raise
