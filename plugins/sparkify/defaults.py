"""What a setting is where nobody set it; apart, so that it can be read without Airflow."""

DEFAULTS = {
    "partition": "log_data/%Y/%m/%Y-%m-%d-events.json",
    "partition_timezone": "UTC",
    "partition_slack": "0",
    "songs": "song_data/**/*.json",
    "jsonpaths": "",
    "manifest_prefix": "",
    "report_folder": "",
    "lookback_minutes": "0",
    "reject_limit": "0.01",
    "stale_hours": "24",
    "keep_staging_days": "7",
    "keep_rejects_days": "90",
}
"""Variables with a working default, without their prefix ``sparkify_``."""
