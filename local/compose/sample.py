"""Write a month of simulated listening to the source bucket, unless it has events."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook

from local.deployment.sample import SAMPLE
from local.simulator import simulate
from sparkify.settings import STORAGE, setting

EVENTS = "log_data/"


def main() -> None:
    """Simulate a source and upload it."""
    bucket = urlsplit(setting("source")).netloc
    hook = S3Hook(STORAGE)
    if hook.list_keys(bucket, prefix=EVENTS, max_items=1):
        print(f"s3://{bucket} has events already: nothing to write.")
        return
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder), SAMPLE)
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        # Events last: their presence marks the sample as complete.
        files.sort(key=lambda file: file.relative_to(folder).as_posix().startswith(EVENTS))
        client = hook.get_conn()

        def upload(file: Path) -> None:
            client.upload_file(str(file), bucket, file.relative_to(folder).as_posix())

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(upload, files))
    print(f"Wrote {len(files)} files to s3://{bucket}.")


if __name__ == "__main__":
    main()
