"""An archive in a bucket of S3 with object lock: until its time not even the account's root deletes what is written.

Needs ``boto3`` (``requirements/aws.txt``), which finds credentials and region as it always does. They need
``s3:PutObject``, ``s3:PutObjectRetention``, ``s3:GetObject``, ``s3:ListBucket`` and
``s3:GetBucketObjectLockConfiguration``, and nothing that deletes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

from workers.export.errors import (
    ExportError,
    NotInArchive,
    TargetRefused,
    TargetUnlocked,
    TargetUnreachable,
    TargetUnusable,
)
from workers.export.histories import MAXIMUM_BYTES

_TAKEN = "PreconditionFailed"
_MISSING = {"NoSuchKey", "404", "NotFound"}
_UNLOCKED = {"ObjectLockConfigurationNotFoundError", "InvalidRequest"}
_UNUSABLE = {
    "NoSuchBucket",
    "InvalidBucketName",
    "InvalidArgument",
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
}
_LATER = {"ConditionalRequestConflict", "OperationAborted", "SlowDown", "InternalError", "ServiceUnavailable",
          "RequestTimeout", "RequestTimeTooSkewed", "Throttling", "ThrottlingException"}  # fmt: skip


class Bucket:
    """Names are keys below ``prefix``. Whatever is written is locked in compliance mode."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def check(self) -> None:
        with self._told("The bucket"):
            found = self._client.get_object_lock_configuration(Bucket=self._bucket)
            if found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
                raise self._unlocked()
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def put(self, name: str, content: bytes, *, retain_until: datetime) -> bool:
        try:
            with self._told(name):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + name,
                    Body=content,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ObjectLockMode="COMPLIANCE",
                    ObjectLockRetainUntilDate=retain_until,
                )
        except _Taken:
            return False
        return True

    def get(self, name: str) -> bytes:
        with self._told(name):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            with answer["Body"] as body:
                content: bytes = body.read(MAXIMUM_BYTES + 1)
        if len(content) > MAXIMUM_BYTES:
            raise NotInArchive(f"{self._place(name)} is larger than anything that an export writes.")
        return content

    def names(self, folder: str, *, after: str = "") -> Iterator[str]:
        start = {"StartAfter": self._prefix + after} if after else {}
        for page in self._pages(Prefix=self._prefix + (f"{folder}/" if folder else ""), **start):
            for item in page.get("Contents", ()):
                yield item["Key"][len(self._prefix) :]

    def folders(self) -> Iterator[str]:
        for page in self._pages(Prefix=self._prefix, Delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                yield item["Prefix"][len(self._prefix) :].rstrip("/")

    def _pages(self, **how: str) -> Iterator[dict[str, Any]]:
        with self._told("The list"):
            pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **how))
        while True:
            with self._told("The list"):
                page = next(pages, None)
            if page is None:
                return
            yield page

    @cached_property
    def _client(self) -> Any:
        try:
            import boto3  # noqa: PLC0415  an extra, needed where exports go to S3
            from botocore.config import Config  # noqa: PLC0415
        except ImportError:
            raise TargetUnusable(
                "Exports to S3 need boto3: pip install --require-hashes -r requirements/aws.txt"
            ) from None
        how = Config(
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=16,
            retries={"mode": "standard", "max_attempts": 3},
        )
        return boto3.Session().client("s3", config=how)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Turn what the AWS library raises into a sentence. Its own text may hold what nobody should read."""
        try:
            yield
        except ExportError:
            raise
        except Exception as error:
            raise self._sentence(name, error) from None

    def _sentence(self, name: str, error: Exception) -> Exception:
        response = getattr(error, "response", None)
        if not isinstance(response, dict):
            return self._of_the_library(error)
        code = str(response.get("Error", {}).get("Code", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == _TAKEN or status == 412:
            return _Taken()
        if code in _MISSING:
            return NotInArchive(f"There is no {self._place(name)}.")
        if code in _UNLOCKED:
            return self._unlocked()
        if code in _UNUSABLE:
            return TargetUnusable(f"s3://{self._bucket} cannot be used for exports ({code}). Check EXPORT_TARGET.")
        if code in _LATER or status >= 500 or status in (409, 429):
            return TargetUnreachable(f"s3://{self._bucket} cannot be used now ({code or status}).")
        return TargetRefused(
            f"{self._place(name)}: the credentials of this process may not do that ({code or status}). They need "
            "PutObject, PutObjectRetention, GetObject, ListBucket and GetBucketObjectLockConfiguration."
        )

    def _of_the_library(self, error: Exception) -> ExportError:
        kind = type(error).__name__
        if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoRegionError"):
            return TargetRefused(f"There are no usable AWS credentials or no region for s3://{self._bucket} ({kind}).")
        if kind == "ParamValidationError":
            return TargetUnusable(f"s3://{self._bucket} is not the name of a bucket. Check EXPORT_TARGET.")
        return TargetUnreachable(f"s3://{self._bucket} cannot be reached ({kind}).")

    def _unlocked(self) -> TargetUnlocked:
        return TargetUnlocked(
            f"Bucket {self._bucket} has no object lock: what is exported there could be deleted. Use a bucket that was "
            "made with object lock."
        )

    def _place(self, name: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{name}"


class _Taken(Exception):
    """There is something under this name already."""
