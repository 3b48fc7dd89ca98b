"""Shows an error of a template where people look for it."""

import jinja2
from airflow.sdk import BaseOperator, Context


class VisibleErrorsMixin(BaseOperator):
    """Keeps what a template raises out of the group of log lines that the web UI folds."""

    def render_template_fields(
        self, context: Context, jinja_env: jinja2.Environment | None = None
    ) -> None:
        """Render the fields; settings and params are read now, so now it shows if one is wrong."""
        try:
            super().render_template_fields(context, jinja_env)
        except Exception:
            # Airflow ends the group only when it executes the task.
            self.log.info("::endgroup::")
            raise
