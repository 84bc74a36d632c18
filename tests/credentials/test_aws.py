"""AWS Secrets Manager through STS, against a real AWS-compatible server that authenticates and enforces policies."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.aws import ACCOUNT, REGION, AwsServer, aws_server
from tests.credentials.asking import RUN, as_activity, revealed
from workers.credentials.errors import (
    CredentialError,
    CredentialMissing,
    CredentialRefused,
    CredentialUnavailable,
)
from workers.credentials.fetching import Credentials
from workers.credentials.providers.aws import AwsProvider, AwsSettings, session_policy

PLANTED = "planted-0b7d42e9c1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agents"
READ_ALL = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with aws_server(tmp_path_factory.mktemp("aws")) as server:
        iam, secrets = server.client("iam"), server.client("secretsmanager")
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        for role, rights in (
            ("agents", READ_ALL),
            ("clerks", {**READ_ALL, "Resource": "arn:aws:secretsmanager:*:*:secret:hr/*"}),
        ):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=policy(trust))
            iam.put_role_policy(RoleName=role, PolicyName="only", PolicyDocument=policy(rights))
        for name in ("agents/model-key", "agents/other-key"):
            secrets.create_secret(Name=name, SecretString=PLANTED)
        secrets.create_secret(Name="agents/binary", SecretBinary=b"\x00\x01")
        yield server


@pytest.fixture(autouse=True)
def worker(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is a worker that may assume roles, and nothing else."""
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    identify(monkeypatch, **worker_keys(aws, "worker", may))


_users: dict[str, dict[str, str]] = {}


def worker_keys(aws: AwsServer, name: str, rights: dict[str, Any]) -> dict[str, str]:
    key = f"{aws.endpoint}/{name}"
    if key not in _users:
        _users[key] = aws.user(name, policy(rights))
    return _users[key]


def identify(monkeypatch: pytest.MonkeyPatch, **keys: str) -> None:
    for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
        monkeypatch.setenv(name.upper(), keys[name]) if name in keys else monkeypatch.delenv(name.upper(), False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def credentials_at(endpoint: str, *, role: str = ROLE, seconds: float = 10) -> Credentials:
    return Credentials(AwsProvider(AwsSettings(role, REGION, "agents/", endpoint)), seconds=seconds)


async def test_a_secret_is_read_and_its_session_names_the_activity(
    aws: AwsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await revealed(credentials_at(aws.endpoint), "model-key", workflow_id="incident P1042/☃") == PLANTED
    assert PLANTED not in caplog.text
    assert "AssumeRole" not in caplog.text, "what AWS's library says at DEBUG holds session tokens"


async def test_the_session_can_read_this_one_secret_whatever_the_role_may(aws: AwsServer) -> None:
    settings = AwsSettings(ROLE, REGION, "agents/", aws.endpoint)
    sts = boto3.client("sts", endpoint_url=aws.endpoint, region_name=REGION)
    session = sts.assume_role(
        RoleArn=ROLE, RoleSessionName=f"w.{RUN}.7", Policy=session_policy(settings, "model-key"), DurationSeconds=900
    )["Credentials"]
    narrowed = aws.client(
        "secretsmanager",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    assert narrowed.get_secret_value(SecretId="agents/model-key")["SecretString"] == PLANTED
    for refused in (
        lambda: narrowed.get_secret_value(SecretId="agents/other-key"),
        lambda: narrowed.put_secret_value(SecretId="agents/model-key", SecretString="mine"),
        lambda: narrowed.list_secrets(),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


async def test_the_provider_asks_for_such_a_session(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = AwsProvider(AwsSettings(ROLE, REGION, "agents/", aws.endpoint))
    made, client = [], provider._client
    monkeypatch.setattr(
        provider, "_client", lambda service, **keys: made.append((service, keys)) or client(service, **keys)
    )
    assert await revealed(Credentials(provider), "model-key") == PLANTED
    [(_, first), (service, keys)] = made
    assert (first, service) == ({}, "secretsmanager")
    session = aws.client("secretsmanager", **keys)
    assert (
        aws.client("sts", **keys).get_caller_identity()["Arn"].endswith(f":assumed-role/agents/incident-P1042.{RUN}.7")
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        session.get_secret_value(SecretId="agents/other-key")


async def test_a_rotated_secret_counts_from_the_next_activity_on(aws: AwsServer) -> None:
    credentials, secrets = credentials_at(aws.endpoint), aws.client("secretsmanager")
    secrets.create_secret(Name="agents/rotating", SecretString="before")
    assert await revealed(credentials, "rotating") == "before"
    secrets.put_secret_value(SecretId="agents/rotating", SecretString="after")
    assert await revealed(credentials, "rotating") == "after"


async def test_what_is_no_text_is_missing(aws: AwsServer) -> None:
    with pytest.raises(CredentialMissing) as missing:
        await revealed(credentials_at(aws.endpoint), "binary")
    assert missing.value.non_retryable


async def test_aws_tells_so_narrow_a_session_nothing_of_a_secret_that_is_not_there(aws: AwsServer) -> None:
    with pytest.raises(CredentialRefused, match="Check that there is such a secret"):
        await revealed(credentials_at(aws.endpoint), "gone")


async def test_a_role_without_a_right_on_that_secret_is_refused(aws: AwsServer) -> None:
    with pytest.raises(CredentialRefused, match="AccessDenied") as refused:
        await revealed(credentials_at(aws.endpoint, role=f"arn:aws:iam::{ACCOUNT}:role/clerks"), "model-key")
    assert (refused.value.type, refused.value.non_retryable) == ("CREDENTIAL_REFUSED", True)


async def test_a_worker_that_may_not_assume_the_role_is_refused(
    aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    identify(monkeypatch, **worker_keys(aws, "stranger", {**READ_ALL, "Action": "s3:ListAllMyBuckets"}))
    with pytest.raises(CredentialRefused, match="AccessDenied"):
        await revealed(credentials_at(aws.endpoint), "model-key")


async def test_a_worker_without_an_identity_is_refused(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    identify(monkeypatch)
    with pytest.raises(CredentialRefused, match="no AWS identity"):
        await revealed(credentials_at(aws.endpoint), "model-key")


async def test_a_forged_identity_is_refused(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = worker_keys(aws, "worker", {})
    identify(monkeypatch, **{**keys, "aws_secret_access_key": "x" * 40})
    with pytest.raises(CredentialRefused):
        await revealed(credentials_at(aws.endpoint), "model-key")


async def test_what_was_fetched_outside_an_activity_is_asked_of_nobody() -> None:
    with pytest.raises(CredentialError, match="inside an activity"):
        await credentials_at("http://127.0.0.1:9").fetch("model-key")


@contextmanager
def answering(status: int, code: str, message: str = "", *, drip: bool = False) -> Iterator[str]:
    """A server that answers every call of AWS's so, in the forms of both services."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_sts = "AssumeRole" in body
            xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            answer = xml if is_sts else json.dumps({"__type": code, "Message": message})
            content = answer.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml" if is_sts else "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for byte in content if drip else []:
                if stop.wait(1):
                    return
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "ExpiredTokenException", CredentialUnavailable),
        (403, "ExpiredToken", CredentialUnavailable),
        (400, "ThrottlingException", CredentialUnavailable),
        (500, "InternalServiceError", CredentialUnavailable),
        (503, PLANTED, CredentialUnavailable),
        (403, "AccessDenied", CredentialRefused),
        (400, PLANTED, CredentialRefused),
        (400, "ResourceNotFoundException", CredentialMissing),
    ],
)
async def test_an_error_that_echoes_the_secret_becomes_a_typed_one_without_it(
    status: int, code: str, expected: type[CredentialError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with answering(status, code, f"the value {PLANTED} is not valid") as endpoint, pytest.raises(expected) as failed:
        await revealed(credentials_at(endpoint), "model-key")
    assert failed.value.non_retryable is not expected.retryable
    assert failed.value.__cause__ is failed.value.__context__ is None
    assert PLANTED not in "".join(traceback.format_exception(failed.value)) + caplog.text


async def test_what_is_no_answer_of_aws_is_a_typed_error() -> None:
    with answering(200, PLANTED) as endpoint, pytest.raises(CredentialUnavailable) as failed:
        await revealed(credentials_at(endpoint), "model-key")
    assert PLANTED not in "".join(traceback.format_exception(failed.value))


async def test_a_manager_that_drips_its_answer_is_given_up(aws: AwsServer) -> None:
    began = time.monotonic()
    with answering(200, "slow", drip=True) as endpoint, pytest.raises(CredentialUnavailable, match="within 1 s"):
        await revealed(credentials_at(endpoint, seconds=1), "model-key")
    assert time.monotonic() - began < 3


async def test_a_manager_that_is_away_or_hangs_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.credentials.providers.aws.READ_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(CredentialUnavailable, match="cannot be reached"):
            await revealed(credentials_at(address), "model-key")
        silent.listen()
        with pytest.raises(CredentialUnavailable, match="ReadTimeoutError"):
            await revealed(credentials_at(address), "model-key")


async def test_activities_at_once_get_sessions_of_their_own(aws: AwsServer) -> None:
    credentials = credentials_at(aws.endpoint)

    async def body() -> list[str]:
        import asyncio

        secrets = await asyncio.gather(*(credentials.fetch("model-key") for _ in range(8)))
        return [secret.reveal() for secret in secrets]

    assert await as_activity(body) == [PLANTED] * 8
