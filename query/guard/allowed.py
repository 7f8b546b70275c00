"""What a statement may be made of: kinds of nodes, views, functions, operators and types. Whatever is missing is refused."""

from __future__ import annotations

from collections.abc import Mapping

SCHEMA = "telemetry"

# The views, and the column that says the same as trace_id in the form that an index holds.
TRACE_ID, TRACE_KEY = "trace_id", "trace_key"
KEYED_VIEWS = frozenset(("spans", "traces", "log_records", "ai_interactions", "decisions", "decision_traces"))
# Rows outside of a trace have no trace id, but a key of no bytes, and two of them would be the same.
SOMETIMES_UNTRACED = frozenset(("log_records", "decisions"))
VIEWS = KEYED_VIEWS | {"services", "span_metrics", "service_edges", "ai_usage"}

# Messages of libpg_query's tree that carry nothing of their own to judge. Those that do have a rule in ``verdict``.
PLAIN_NODES = frozenset(
    (
        "A_ArrayExpr A_Indices A_Star Alias BoolExpr Boolean BooleanTest CTECycleClause CTESearchClause CaseExpr CaseWhen "
        "CoalesceExpr CommonTableExpr Float GroupingFunc GroupingSet Integer JoinExpr List MinMaxExpr NamedArgExpr Node "
        "NullTest RangeSubselect ResTarget RowExpr SortBy String SubLink TypeCast WindowDef WithClause"
    ).split()
)

FUNCTIONS = frozenset(
    (
        # Aggregates.
        "any_value array_agg avg bit_and bit_or bool_and bool_or corr count covar_pop covar_samp every json_agg "
        "json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc regr_intercept regr_r2 "
        "regr_slope stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance "
        # Windows.
        "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number "
        # Numbers.
        "abs ceil ceiling div exp floor ln log log10 mod round sign sqrt trunc width_bucket "
        # Text. Nothing that makes much of little, such as repeat, lpad or format.
        "btrim char_length character_length concat concat_ws decode encode initcap left length lower ltrim md5 "
        "octet_length position regexp_count regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array "
        "regexp_substr replace right rtrim split_part starts_with string_to_array string_to_table strpos substr "
        "substring to_char to_hex to_number translate upper like_escape "
        # Times.
        "age date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval make_date "
        "make_interval make_timestamptz now timezone to_date to_timestamp "
        # JSON.
        "jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object "
        "jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_object_keys jsonb_path_exists "
        "jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_strip_nulls "
        "jsonb_typeof to_json to_jsonb "
        # Arrays, and what is nothing of these.
        "array_append array_cat array_length array_position array_positions array_remove array_to_string cardinality "
        "num_nonnulls num_nulls unnest"
    ).split()
)

OPERATORS = frozenset(
    "= <> < > <= >= + - * / % || -> ->> #> #>> @> <@ ? ?| ?& && @? @@ ~ ~* !~ !~* ~~ ~~* !~~ !~~*".split()
)
EXPRESSIONS = frozenset(
    f"AEXPR_{kind}"
    for kind in (
        "OP OP_ANY OP_ALL DISTINCT NOT_DISTINCT NULLIF IN LIKE ILIKE BETWEEN NOT_BETWEEN BETWEEN_SYM NOT_BETWEEN_SYM"
    ).split()
)

TYPES = frozenset(
    (
        "bool bpchar bytea date float4 float8 int2 int4 int8 interval json jsonb jsonpath numeric text time timestamp "
        "timestamptz timetz uuid varchar"
    ).split()
)
# CURRENT_TIMESTAMP and its like, not CURRENT_USER.
TIMES = frozenset(
    f"SVFOP_{name}"
    for name in (
        "CURRENT_DATE CURRENT_TIME CURRENT_TIME_N CURRENT_TIMESTAMP CURRENT_TIMESTAMP_N LOCALTIME LOCALTIME_N "
        "LOCALTIMESTAMP LOCALTIMESTAMP_N"
    ).split()
)

# A name behind a dot may be a function of what stands before it: ('x').pg_read_file. These are columns of functions.
FIELDS = frozenset(("key", "value", "ordinality"))

# How statements and clauses are called by those who write them.
WORDS: Mapping[str, str] = {
    "IntoClause": "SELECT INTO",
    "LockingClause": "FOR UPDATE, and locking rows in other ways,",
    "RangeTableSample": "TABLESAMPLE",
    "RangeTableFunc": "XMLTABLE",
    "CollateClause": "COLLATE",
    "BitString": "a bit string",
    "ExplainStmt": "EXPLAIN",
    "VariableSetStmt": "SET",
    "VariableShowStmt": "SHOW",
    "TransactionStmt": "BEGIN, COMMIT or ROLLBACK",
    "CreateTableAsStmt": "CREATE TABLE AS",
    "CreateStmt": "CREATE TABLE",
    "RangeFunction": "such a function in FROM",
    "XmlExpr": "XML",
    "SetToDefault": "DEFAULT",
}
