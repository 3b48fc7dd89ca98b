"""The stand-ins of ``local.tools.sql_macros``, for the SQL that Redshift gets."""

from local.tools import sql_macros
from local.tools.sql_macros import *  # noqa: F403 - sqlfluff takes all functions of this module

sql_macros.ENGINE = "redshift"
