"""Lists a bucket, page by page, also of servers that know only the first version of listings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import StoreError
from engine.store.errors import not_the_images
from engine.store.retry import Backoff, with_retries
from engine.store.s3_client import Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsOutputTypeDef, ListObjectsV2OutputTypeDef, ObjectTypeDef


class Listing:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def entries(self, prefix: str) -> Iterator[ObjectTypeDef]:
        """Every object whose whole key starts with the prefix, in the server's order. Raises StoreError."""
        where: dict[str, Any] = {"Prefix": prefix}
        last_key = ""
        while True:
            page = self._page(where)
            entries = page.get("Contents", [])
            yield from entries
            token = page.get("NextContinuationToken", "")
            if not token and not page.get("IsTruncated"):
                return
            if not entries or entries[-1]["Key"] == last_key or token == where.get("ContinuationToken"):
                raise self._cut_off(last_key)
            last_key = entries[-1]["Key"]
            # A server that knows only the first version of listings gives no token; it takes a marker.
            where = {"Prefix": prefix} | ({"ContinuationToken": token} if token else {"Marker": last_key})

    def size(self, key: str) -> int | None:
        """Of the object with this whole key, in bytes; None if there is none. Raises StoreError."""
        entries = self._page({"Prefix": key, "MaxKeys": 2}).get("Contents", [])
        return next((entry["Size"] for entry in entries if entry["Key"] == key), None)

    def _page(self, where: dict[str, Any]) -> ListObjectsV2OutputTypeDef | ListObjectsOutputTypeDef:
        name = self._bucket.name

        def ask(client: S3Client) -> ListObjectsV2OutputTypeDef | ListObjectsOutputTypeDef:
            if "Marker" in where:
                return client.list_objects(Bucket=name, **where)
            return client.list_objects_v2(Bucket=name, **where)

        what = f"listing s3://{name}/{where['Prefix']}"
        try:
            return with_retries(
                lambda: self._bucket.run(what, ask),
                Backoff(),
                random.random,
            )
        except StoreError as error:
            raise not_the_images(error) from None

    def _cut_off(self, last_key: str) -> StoreError:
        text = f"listing s3://{self._bucket.name}: it is cut off, and the store does not go on after {last_key!r}"
        hint = "This store's listings cannot be read to their end, so `reconcile` cannot compare: ask those who run it."
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, text, hint)
