"""The AWS-compatible server of the tests refuses what AWS refuses: without that, no test with it would mean much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.aws import ACCOUNT, AwsServer, aws_server

ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with aws_server(tmp_path_factory.mktemp("aws")) as server:
        server.client("s3").create_bucket(
            Bucket="kept",
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
        yield server


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_nobody_without_a_key_of_its_own_is_let_in(aws: AwsServer) -> None:
    foreign = {"aws_access_key_id": "AKIASOMEBODYELSES000", "aws_secret_access_key": "x" * 40}
    with pytest.raises(ClientError) as refused:
        aws.client("s3", **foreign).list_objects_v2(Bucket="kept")
    assert code_of(refused) == "InvalidAccessKeyId"
    with pytest.raises(ClientError) as refused:
        aws.client("s3", **{**aws.user("forged", ALL), "aws_secret_access_key": "x" * 40}).list_buckets()
    assert code_of(refused) == "SignatureDoesNotMatch"


def test_a_user_may_do_what_its_policy_says_and_nothing_else(aws: AwsServer) -> None:
    policy = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::kept"}
    reader = aws.user("reader", json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    assert aws.client("sts", **reader).get_caller_identity()["Account"] == ACCOUNT
    aws.client("s3", **reader).list_objects_v2(Bucket="kept")
    with pytest.raises(ClientError) as refused:
        aws.client("s3", **reader).put_object(Bucket="kept", Key="one", Body=b"1")
    assert code_of(refused) == "AccessDenied"


def test_a_locked_object_cannot_be_deleted_nor_its_lock_shortened_by_the_root(aws: AwsServer) -> None:
    s3, until = aws.client("s3"), datetime.now(UTC) + timedelta(days=1)
    put = s3.put_object(
        Bucket="kept", Key="locked", Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )
    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket="kept", Key="locked", VersionId=put["VersionId"], BypassGovernanceRetention=True)
    assert code_of(refused) == "AccessDenied"
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": until - timedelta(hours=1)}
    with pytest.raises(ClientError) as refused:
        s3.put_object_retention(Bucket="kept", Key="locked", VersionId=put["VersionId"], Retention=retention)
    assert code_of(refused) == "AccessDenied"


def test_what_must_not_exist_is_not_written_over(aws: AwsServer) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket="kept", Key="once", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="kept", Key="once", Body=b"2", IfNoneMatch="*")
    assert code_of(refused) == "PreconditionFailed"
