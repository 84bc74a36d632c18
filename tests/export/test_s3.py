"""The archive in a bucket: locked, never written over, and refused in a sentence where it cannot be right."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.aws import AwsServer
from tests.export.conftest import new_bucket
from workers.errors import StartFailed
from workers.export import installation
from workers.export.archives import Archive, Shelf, namespaces_in, open_archive
from workers.export.errors import (
    ForeignContent,
    NotInArchive,
    TargetRefused,
    TargetUnlocked,
    TargetUnreachable,
    TargetUnusable,
)

YEARS = datetime.now(UTC) + timedelta(days=2557)


@pytest.fixture
def archive(bucket: str) -> Archive:
    return open_archive(f"s3://{bucket}/kept")


def allow(bucket: str, *actions: str) -> str:
    resource = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def become(aws: AwsServer, monkeypatch: pytest.MonkeyPatch, bucket: str, *actions: str) -> None:
    credentials = aws.user(f"user-of-{bucket}", allow(bucket, *actions))
    for name, value in credentials.items():
        monkeypatch.setenv(name.upper(), value)


EVERYTHING = ("PutObject", "PutObjectRetention", "GetObject", "ListBucket", "GetBucketObjectLockConfiguration")


def test_what_is_written_can_be_read_and_listed(archive: Archive) -> None:
    archive.check()
    shelf = Shelf(archive, "one")
    for name in ("objects/aa/1", "manifests/2", "manifests/1"):
        shelf.put_same(name, name.encode(), retain_until=YEARS)
    assert shelf.get("objects/aa/1") == b"objects/aa/1"
    assert list(shelf.names("manifests")) == ["manifests/1", "manifests/2"]
    assert list(shelf.names("manifests", after="manifests/1")) == ["manifests/2"]
    assert namespaces_in(archive) == ["one"]
    with pytest.raises(NotInArchive, match="kept/one/objects/aa/2"):
        shelf.get("objects/aa/2")


def test_it_is_locked_for_seven_years_in_compliance_mode(archive: Archive, bucket: str, aws: AwsServer) -> None:
    archive.put("one/objects/1", b"1", retain_until=YEARS)
    s3 = aws.client("s3")
    head = s3.head_object(Bucket=bucket, Key="kept/one/objects/1")
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert abs(head["ObjectLockRetainUntilDate"] - YEARS) < timedelta(seconds=2)
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=bucket, Key="kept/one/objects/1", VersionId=head["VersionId"])


def test_the_same_may_be_written_again_and_nothing_else(archive: Archive) -> None:
    shelf = Shelf(archive, "one")
    for _ in range(2):
        shelf.put_same("objects/1", b"1", retain_until=YEARS)
    with pytest.raises(ForeignContent, match="one/objects/1"):
        shelf.put_same("objects/1", b"2", retain_until=YEARS)
    assert shelf.get("objects/1") == b"1"


def test_the_rights_that_the_document_lists_are_enough(archive, aws, monkeypatch, bucket) -> None:
    become(aws, monkeypatch, bucket, *EVERYTHING)
    archive.check()
    shelf = Shelf(archive, "one")
    for _ in range(2):
        shelf.put_same("objects/1", b"1", retain_until=YEARS)
    assert list(shelf.names("objects")) == ["objects/1"]


@pytest.mark.parametrize("missing", ["ListBucket", "GetBucketObjectLockConfiguration"])
def test_a_right_that_is_missing_is_found_at_start(archive, aws, monkeypatch, bucket, missing) -> None:
    become(aws, monkeypatch, bucket, *(right for right in EVERYTHING if right != missing))
    with pytest.raises(TargetRefused, match=f"may not do that .*AccessDenied.*{missing}"):
        archive.check()


def test_a_right_to_write_that_is_missing_is_said_when_it_is_needed(archive, aws, monkeypatch, bucket) -> None:
    become(aws, monkeypatch, bucket, *(right for right in EVERYTHING if right != "PutObject"))
    with pytest.raises(TargetRefused, match="AccessDenied"):
        archive.put("one/objects/1", b"1", retain_until=YEARS)


def test_a_bucket_without_object_lock_is_refused(aws: AwsServer, bucket: str) -> None:
    unlocked = open_archive(f"s3://{new_bucket(aws, locked=False)}")
    with pytest.raises(TargetUnlocked, match="no object lock"):
        unlocked.check()
    with pytest.raises(TargetUnlocked, match="no object lock"):
        unlocked.put("one/objects/1", b"1", retain_until=YEARS)


def test_what_is_no_bucket_is_refused(bucket: str) -> None:
    with pytest.raises(TargetUnusable, match="NoSuchBucket"):
        open_archive("s3://there-is-none").check()
    for wrong in ("s3://", "s3://b/c?d", "ftp://host/x", "file://host/x", "file:///", ""):
        with pytest.raises(TargetUnusable):
            open_archive(wrong)
    with pytest.raises(TargetUnusable, match="not the name of a bucket"):
        open_archive("s3://Not A Bucket").check()


def test_a_key_that_nobody_knows_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSES000")
    with pytest.raises(TargetRefused, match="InvalidAccessKeyId"):
        archive.check()


def test_no_credentials_are_refused_and_none_are_quoted(archive, monkeypatch, tmp_path, aws) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(TargetRefused, match="NoCredentialsError") as refused:
        archive.check()
    assert aws.secret_access_key not in repr(refused.value)
    assert refused.value.__cause__ is None


def test_a_server_that_is_away_is_told_from_one_that_refuses(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TargetUnreachable, match="cannot be reached"):
        archive.get("one/objects/1")


def test_without_boto3_a_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(TargetUnusable, match=r"requirements/aws\.txt"):
        open_archive("s3://bucket").check()


async def test_a_process_does_not_start_with_a_target_that_cannot_be_right(aws, bucket, settings, monkeypatch) -> None:
    settings.EXPORT_TARGET = f"s3://{new_bucket(aws, locked=False)}"
    with pytest.raises(StartFailed, match="object lock"):
        await installation.check()
    settings.EXPORT_TARGET = f"s3://{bucket}"
    await installation.check()
    settings.EXPORT_TARGET = ""
    await installation.check()


async def test_a_process_starts_while_the_target_is_away(bucket, settings, monkeypatch, caplog) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    settings.EXPORT_TARGET = f"s3://{bucket}"
    await installation.check()
    assert "cannot be reached" in caplog.text
