"""Statements that Redshift refuses although PostgreSQL accepts them."""

import re
from functools import lru_cache
from typing import NamedTuple


class RedshiftError(Exception):
    """
    A statement that fails as it would on Redshift.

    :param message: Redshift's message
    :param code: SQLSTATE
    :param detail: Redshift's detail message
    """

    def __init__(self, message: str, code: str = "0A000", detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


class Refusal(NamedTuple):
    """A pattern that matches the lower-case code of refused statements."""

    pattern: str
    message: str


def _syntax(word: str) -> str:
    return f'syntax error at or near "{word}"'


REFUSALS = [
    Refusal(r"\bon conflict\b", _syntax("on")),
    Refusal(r"\bdistinct on\b", "SELECT DISTINCT ON is not supported"),
    Refusal(r"\breturning\b", _syntax("returning")),
    Refusal(r"\)\s*filter\s*\(", _syntax("filter")),
    Refusal(r"\b(big|small)?serial\b", 'type "serial" does not exist'),
    Refusal(r"\b(create|alter|drop) sequence\b|\bnextval\(", "SEQUENCE is not supported"),
    Refusal(r"\bcreate (unique )?index\b", "SQL command CREATE INDEX not supported"),
    Refusal(r"\bcreate unlogged\b", _syntax("unlogged")),
    Refusal(r"\bon commit (drop|delete|preserve)\b", "ON COMMIT is not supported"),
    Refusal(r"\bincluding (all|constraints|indexes)\b", _syntax("including")),
    Refusal(r"^create (temp |temporary )?table\b.*\bcheck\s*\(", "CHECK is not supported"),
    Refusal(r"\bcollate\b", "COLLATE is not supported here"),
    Refusal(r"\bgenerated (always|by default) as\s*\(", _syntax("as")),
    Refusal(r"\blateral\b", _syntax("lateral")),
    Refusal(r"(\bfrom|\bas|,)\s*\(\s*values\b", "VALUES lists as tables are not supported"),
    Refusal(r"\barray\s*\[|\[\]|\barray_agg\(|\bunnest\(", "arrays are not supported"),
    Refusal(r"\b(any|all)\s*\(\s*\$", "op ANY/ALL (array) is not supported"),
    Refusal(r"\bjsonb?\b|\bto_jsonb?\(|->", 'type "json" does not exist'),
    Refusal(r"\b(uuid|bytea|inet|cidr|money|hstore|xml)\b", "type does not exist"),
    Refusal(r"\bgenerate_series\(", "generate_series is not supported on Redshift tables"),
    Refusal(r"\bstring_agg\(", "function string_agg does not exist"),
    Refusal(r"\bto_regclass\(|\bgen_random_uuid\(|\bmake_\w+\(", "function does not exist"),
    Refusal(r"\bformat\(|\bconcat_ws\(|\bconvert_(from|to)\(", "function does not exist"),
    Refusal(r"\bnow\(\)|\bcurrent_timestamp\b|\blocaltimestamp\b", "function is not supported"),
    # Unsupported PostgreSQL functions, c_unsupported-postgresql-functions.html
    Refusal(
        r"\b(clock|transaction|statement)_timestamp\(|\bpg_sleep\(", "function is not supported"
    ),
    Refusal(r"\bjustify_\w+\(|\b(div|setseed|width_bucket)\(", "function is not supported"),
    Refusal(r"\b(corr|covar_\w+|regr_\w+|every|xmlagg)\(", "aggregate is not supported"),
    Refusal(r"\b(bit_length|overlay|regexp_(matches|split_\w+))\(", "function is not supported"),
    # Data types, c_Supported_data_types.html: there are no composite types
    Refusal(r"\brow\s*\(", "ROW expressions are not supported"),
    Refusal(
        r"(?<![\w\"])\(\s*[\w.]+(\s*,\s*[\w.]+)+\s*\)\s*(=|<|>)",
        "row comparisons are not supported",
    ),
    # CREATE TABLE AS, r_CREATE_TABLE_AS.html
    Refusal(r"\bwith no data\b|\bwith data$", _syntax("with")),
    Refusal(r"\bis (not )?distinct from\b", _syntax("distinct")),
    Refusal(r"\bwindow \w+ as\b", _syntax("window")),
    Refusal(r"\b(lag|lead)\([^()]*,[^()]*,", "LAG and LEAD take no default"),
    Refusal(r"\btablesample\b|\bfetch first\b", _syntax("fetch")),
    Refusal(r"\bfor (update|share)\b", "SELECT FOR UPDATE is not supported"),
    Refusal(r"\bsavepoint\b", "SQL command SAVEPOINT not supported"),
    Refusal(r"^do\b", "SQL command DO not supported"),
    Refusal(r"^lock\b.*\bmode\b", _syntax("in")),
    Refusal(r"^delete from \w+ (as )?(?!using\b|where\b)\w+ ", "DELETE takes no alias"),
    Refusal(r"^create (temp |temporary )?table\b.*\bexclude\b", _syntax("exclude")),
    # CREATE ROLE, r_CREATE_ROLE.html, and GRANT, r_GRANT.html
    Refusal(r"^create role (?!\w+( externalid \S+)?$)", "syntax error: this is no CREATE ROLE"),
    Refusal(r"^(grant|revoke) (?!role\b)\w+ (to|from)\b", _syntax("to")),
    Refusal(r"\bpg_(roles|authid|auth_members)\b", 'relation "pg_roles" does not exist'),
    # COMMENT, r_COMMENT.html
    Refusal(
        r"^comment on (?!(table|column|constraint|database|view|schema)\b)",
        "COMMENT is not supported on this kind of object",
    ),
]

# Reserved in Redshift but not in PostgreSQL, except words that are part of Redshift's statements.
RESERVED = {
    *("aes128", "aes256", "allowoverwrite", "backup", "blanksasnull", "bytedict", "bzip2"),
    *("deflate", "defrag", "delta", "delta32k", "disable", "enable", "encrypt", "encryption"),
    *("explicit", "globaldict256", "ignore", "lun", "luns", "lzo", "lzop", "mostly8", "mostly16"),
    *("mostly32", "new", "off", "offline", "oid", "old", "open", "parallel", "percent"),
    *("permissions", "raw", "readratio", "recover", "rejectlog", "resort", "restore", "snapshot"),
    *("system", "tag", "tdes", "text255", "text32k", "top", "wallet"),
}

# Examples of catalog queries, c_join_PG_examples.html
CATALOGUE_OID = re.compile(r"\bpg_\w+\.oid\b")

MAX_DIGITS = 38

LEADER_ONLY = (
    r"\b(current_schemas?|has_(database|schema|table)_privilege|substr|factorial|log)\s*\("
    r"|\bcurrent_schema\b"
)
SOURCE = r"\b(?:from|join|using|update|into) (?:\w+\.)?([a-z_]\w*)\b(?!\s*\()"

AGGREGATES = r"(?:sum|count|avg|min|max|first_value|last_value|stddev|variance)"


# The same statements come again and again, with other literals.
@lru_cache(maxsize=4096)
def refuse(code: str) -> None:
    """
    Raise if Redshift would refuse a statement.

    :param code: statement without comments and literals, in lower case and with single blanks
    """
    for refusal in REFUSALS:
        if re.search(refusal.pattern, code):
            raise RedshiftError(refusal.message)
    words = re.findall(r"[a-z_]\w*", CATALOGUE_OID.sub("", code))
    if word := next((word for word in words if word in RESERVED), None):
        raise RedshiftError(_syntax(word), "42601")
    if code.startswith("merge"):
        _refuse_merge(code)
    _refuse_precision(code)
    _refuse_leader_only(code)
    for frame in re.findall(rf"\b{AGGREGATES}\([^()]*\) over \(([^()]*)\)", code):
        if "order by" in frame and not re.search(r"\brows\b", frame):
            raise RedshiftError(
                "Aggregate window functions with an ORDER BY clause require a frame"
            )


def _refuse_precision(code: str) -> None:
    """Raise for too many digits; see Numeric types, r_Numeric_types201.html."""
    for digits in re.findall(r"\b(?:numeric|decimal|dec)\s*\(\s*(\d+)", code):
        if int(digits) > MAX_DIGITS:
            raise RedshiftError(f"NUMERIC precision {digits} must be between 1 and {MAX_DIGITS}")


def _refuse_leader_only(code: str) -> None:
    """
    Raise if a function of the leader node is used in a query of a user's table.

    Leader node-only functions, c_SQL_functions_leader_node_only.html.
    """
    found = re.search(LEADER_ONLY, code)
    tables = {name for name in re.findall(SOURCE, code) if not name.startswith("pg_")}
    if found and tables:
        raise RedshiftError(
            "Specified types or functions (one per INFO message) not supported on Redshift "
            f"tables: {found[0]} beside {min(tables)}"
        )


MERGE = re.compile(
    r"merge into [\w.]+ using [\w.]+( (as )?\w+)? on .*"
    r" when matched then (update set|delete).* when not matched then insert \(.*"
)


def _refuse_merge(code: str) -> None:
    """Raise unless it is the one form of MERGE that both engines accept."""
    if not MERGE.fullmatch(code) or code.count(" when ") != 2:
        raise RedshiftError("MERGE needs an unaliased target, a source table and two WHEN clauses")
