"""A secret is given to one block of one activity, and nothing that is kept, shown or sent holds it."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import traceback
from pathlib import Path

import pytest
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from tests.credentials.asking import RUN, as_activity, revealed
from workers.credentials.errors import (
    CredentialEchoed,
    CredentialError,
    CredentialMissing,
    CredentialOutsideActivity,
    CredentialRefused,
    CredentialSettingsWrong,
    CredentialUnavailable,
)
from workers.credentials.fetching import Credentials
from workers.credentials.scope import Scope
from workers.credentials.secret import Secret, SecretGone
from workers.credentials.settings import CredentialSettings, credentials_from

PLANTED = "planted-5e1d0c7a93"


class GivingProvider:
    async def fetch(self, name: str, scope: Scope) -> str:
        return PLANTED


class FailingProvider:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def fetch(self, name: str, scope: Scope) -> str:
        raise self._error


def test_no_form_of_a_secret_shows_it() -> None:
    secret = Secret(PLANTED)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{secret} {secret!r}", repr([secret])]
    assert not any(PLANTED in text for text in shown)


@pytest.mark.parametrize(
    "serialise", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, lambda one: one.__getstate__()]
)
def test_a_secret_is_never_serialised(serialise) -> None:
    with pytest.raises(TypeError) as refused:
        serialise(Secret(PLANTED))
    assert PLANTED not in str(refused.value)


async def test_a_secret_is_no_argument_and_no_result() -> None:
    with pytest.raises(TypeError):
        await DataConverter.default.encode([{"key": Secret(PLANTED)}])


async def test_a_secret_is_forgotten_when_its_block_ends() -> None:
    async def body() -> None:
        async with Credentials(GivingProvider()).secret("model-key") as secret:
            assert secret.reveal() == PLANTED
        with pytest.raises(SecretGone):
            secret.reveal()

    await as_activity(body)


async def test_outside_an_activity_there_are_no_credentials() -> None:
    with pytest.raises(CredentialOutsideActivity) as refused:
        await Credentials(GivingProvider()).fetch("model-key")
    assert (refused.value.type, refused.value.non_retryable) == ("CREDENTIAL_OUTSIDE_ACTIVITY", True)


@pytest.mark.parametrize(
    "name", ["", "../key", "a//b", "/etc/passwd", "a/../b", "Key", "a" * 81, "a/b/c/d/e", "a\n", "a.b"]
)
async def test_what_is_no_name_is_asked_of_no_provider(name: str) -> None:
    with pytest.raises(CredentialMissing, match="A credential's name"):
        await revealed(Credentials(GivingProvider()), name)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"bad credential: {PLANTED}"),
        RuntimeError("provider failed", {"key": PLANTED}),
        ApplicationError("refused", {"sent": PLANTED}, type="REFUSED", non_retryable=True),
        ExceptionGroup("two", [ValueError("one"), ValueError(PLANTED)]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_that_quotes_the_secret_is_not_told(error: Exception) -> None:
    async def body() -> None:
        async with Credentials(GivingProvider()).secret("model-key"):
            try:
                raise error
            except Exception as cause:
                raise RuntimeError("the call failed") from cause

    with pytest.raises(CredentialEchoed) as echoed:
        await as_activity(body)
    assert echoed.value.type == "CREDENTIAL_ECHOED"
    assert echoed.value.__cause__ is echoed.value.__context__ is None
    assert PLANTED not in "".join(traceback.format_exception(echoed.value))


@pytest.mark.parametrize("non_retryable", [True, False])
async def test_whether_to_try_again_survives_the_scrubbing(non_retryable: bool) -> None:
    async def body() -> None:
        async with Credentials(GivingProvider()).secret("model-key") as secret:
            raise ApplicationError(f"no: {secret.reveal()}", non_retryable=non_retryable)

    with pytest.raises(CredentialEchoed) as echoed:
        await as_activity(body)
    assert echoed.value.non_retryable is non_retryable


async def test_an_error_that_quotes_nothing_is_told_as_it_is() -> None:
    async def body() -> None:
        async with Credentials(GivingProvider()).secret("model-key"):
            raise ValueError("the service is closed")

    with pytest.raises(ValueError, match="the service is closed"):
        await as_activity(body)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError(f"echo {PLANTED}"), CredentialUnavailable),
        (TimeoutError(PLANTED), CredentialUnavailable),
        (CredentialRefused("no"), CredentialRefused),
    ],
)
async def test_a_provider_that_fails_is_a_typed_error_and_is_not_quoted(
    error: Exception, expected: type[CredentialError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(expected) as failed:
        await revealed(Credentials(FailingProvider(error)), "model-key")
    assert failed.value.__cause__ is failed.value.__context__ is None
    assert failed.value.non_retryable is not expected.retryable
    assert PLANTED not in "".join(traceback.format_exception(failed.value)) + caplog.text


class TestTheNameOfASession:
    @pytest.mark.parametrize(
        "workflow_id", ["", "incident-P1042", "x" * 1000, 'a b/c\n"}],ü☃', "arn:aws:iam::1:role/x"]
    )
    def test_it_is_bounded_safe_and_names_the_run(self, workflow_id: str) -> None:
        name = Scope("default", workflow_id, RUN, "12345678901234567890").session_name
        assert 2 <= len(name) <= 64
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=,.@+-")
        assert RUN in name

    def test_it_says_workflow_run_and_activity(self) -> None:
        assert Scope("default", "incident-P1", RUN, "7").session_name == f"incident-P1.{RUN}.7"


class TestFromFiles:
    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        tmp_path.chmod(0o700)
        put(tmp_path / "model-key", PLANTED)
        return tmp_path

    @pytest.fixture
    def credentials(self, directory: Path) -> Credentials:
        return credentials_from(CredentialSettings(directory.as_uri()))

    async def test_a_private_file_is_read(self, credentials: Credentials, directory: Path) -> None:
        assert await revealed(credentials, "model-key") == PLANTED
        put(directory / "people" / "ada", "hers")
        assert await revealed(credentials, "people/ada") == "hers"

    async def test_a_replaced_file_counts_from_the_next_activity_on(
        self, credentials: Credentials, directory: Path
    ) -> None:
        assert await revealed(credentials, "model-key") == PLANTED
        put(directory / "new", "rotated").rename(directory / "model-key")
        assert await revealed(credentials, "model-key") == "rotated"

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
    async def test_a_file_that_others_can_read_is_refused(
        self, credentials: Credentials, directory: Path, mode: int
    ) -> None:
        (directory / "model-key").chmod(mode)
        with pytest.raises(CredentialRefused, match="chmod 600"):
            await revealed(credentials, "model-key")

    async def test_a_directory_that_others_can_write_is_refused(
        self, credentials: Credentials, directory: Path
    ) -> None:
        put(directory / "people" / "ada", "hers").parent.chmod(0o777)
        with pytest.raises(CredentialRefused, match="Others can write"):
            await revealed(credentials, "people/ada")

    async def test_what_is_no_file_is_refused(self, credentials: Credentials, directory: Path) -> None:
        os.mkfifo(directory / "pipe", 0o600)
        (directory / "bytes").write_bytes(b"\xff\xfe")
        (directory / "bytes").chmod(0o600)
        for name in ("pipe", "bytes"):
            with pytest.raises(CredentialRefused):
                await revealed(credentials, name)

    async def test_a_missing_or_empty_file_is_missing(self, credentials: Credentials, directory: Path) -> None:
        put(directory / "empty", "\n")
        for name in ("gone", "empty", "gone/too"):
            with pytest.raises(CredentialMissing):
                await revealed(credentials, name)


async def test_development_reads_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials = credentials_from(CredentialSettings())
    monkeypatch.setenv("MODEL_KEY", PLANTED)
    monkeypatch.setenv("OTHER_KEY_FILE", str(put(tmp_path / "key", "from a file")))
    assert await revealed(credentials, "model-key") == PLANTED
    assert await revealed(credentials, "other-key") == "from a file"
    with pytest.raises(CredentialMissing, match="Set THIRD_KEY"):
        await revealed(credentials, "third-key")


@pytest.mark.parametrize(
    "settings",
    [
        CredentialSettings("vault"),
        CredentialSettings("file://host/etc"),
        CredentialSettings("file:relative"),
        CredentialSettings("aws"),
        CredentialSettings("aws", aws_role="arn:aws:iam::1:role/x", aws_region="eu-central-1"),
        CredentialSettings("aws", aws_role="arn:aws:iam::000000000000:role/x", aws_region="nowhere"),
        CredentialSettings(
            "aws", aws_role="arn:aws:iam::000000000000:role/x", aws_region="eu-central-1", aws_prefix="*"
        ),
    ],
)
def test_settings_that_cannot_be_right_are_refused(settings: CredentialSettings) -> None:
    with pytest.raises(CredentialSettingsWrong):
        credentials_from(settings)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path
