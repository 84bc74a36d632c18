"""A real AWS-compatible server for tests, on loopback, with authentication on.

S3 (with object lock), STS, IAM, KMS and Secrets Manager answer with AWS's own error codes. Only the credentials in
``AwsServer`` are an account's root (whose secret the server does not check); others are made with IAM or STS, are
checked, and get what their policies give.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.workers.processes import free_port, until
from workers.development_server import die_with_parent

REGION = "eu-central-1"
ACCOUNT = "000000000000"
COMMAND = [sys.executable, "-m", "ministack"]
SERVICES = "s3,kms,sts,iam,secretsmanager"
START_SECONDS = 30


@dataclass(frozen=True)
class AwsServer:
    """Where the server listens, and the credentials of its account's root."""

    endpoint: str
    access_key_id: str = field(default_factory=lambda: f"AKIA{secrets.token_hex(8).upper()}")
    secret_access_key: str = field(default_factory=lambda: secrets.token_urlsafe(30))

    def client(self, service: str, **credentials: str) -> Any:
        """Return a boto3 client; ``credentials`` (``aws_access_key_id`` and so on) are the root's unless given."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            **(credentials or self.credentials),
        )

    @property
    def credentials(self) -> dict[str, str]:
        return {"aws_access_key_id": self.access_key_id, "aws_secret_access_key": self.secret_access_key}

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process under test needs in its environment to use this server as its root."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def user(self, name: str, policy: str) -> dict[str, str]:
        """Make an IAM user with one inline policy (JSON); return its credentials for ``client``."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def answers(self) -> bool:
        try:
            health = httpx.get(f"{self.endpoint}/_ministack/health").json()
        except httpx.HTTPError:
            return False
        if health.get("auth") != "enabled":
            pytest.fail("ministack 1.5 is needed, older ones authenticate nobody: make develop.")
        return True


@contextmanager
def aws_server(directory: Path) -> Iterator[AwsServer]:
    """Run a server that keeps nothing but its log, in ``directory``. One per module is enough: it starts in seconds."""
    port = free_port()
    server = AwsServer(f"http://127.0.0.1:{port}")
    environment = {
        **server.environment,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "SERVICES": SERVICES,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(directory),
        "HOME": str(directory),
    }
    del environment["AWS_ENDPOINT_URL"]
    with (directory / "aws.log").open("wb") as log:
        process = subprocess.Popen(
            COMMAND,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
    try:
        until(lambda: process.poll() is not None or server.answers(), seconds=START_SECONDS)
        assert process.poll() is None, (directory / "aws.log").read_text()
        yield server
    finally:
        process.kill()
        process.wait()
