"""Real providers' wire formats, against a server on loopback; and keys, which must not be found anywhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings
from temporalio.client import WorkflowFailureError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from tests.incident.agents import BRIEF, run_agent
from tests.incident.fake_provider import (
    anthropic_call,
    anthropic_words,
    fake_provider,
    openai_call,
    openai_words,
)
from workers.credentials.errors import CredentialMissing
from workers.incident.contracts import ModelAnswer, ModelCall, ModelRequest, OutcomeKind, Step
from workers.incident.estate import Estate
from workers.incident.models import prompt
from workers.incident.models.activity import call_model
from workers.incident.models.errors import (
    ModelAnswerInvalid,
    ModelRequestRefused,
    ModelSettingsWrong,
    ModelUnavailable,
)
from workers.incident.models.providers import ModelSettings, provider_for
from workers.incident.models.wire.http import MAXIMUM_ANSWER_BYTES
from workers.incident.models.wire.records import digest_of

KEY = "sk-planted-3c1f8e0b9d"
STEPS = [
    Step("read_logs", '{"service": "a", "minutes": 5}', "To see.", OutcomeKind.OK, "lines"),
    Step("escalate", '{"severity": "critical"}', "", OutcomeKind.DENIED, "not allowed", "constraint_violation"),
]
REQUEST = ModelRequest(BRIEF, STEPS)


@pytest.fixture(autouse=True)
def planted_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, KEY)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


async def ask(provider: str, url: str, request: ModelRequest = REQUEST) -> ModelAnswer:
    return await provider_for(ModelSettings(provider, "test-model", url), KEY).answer(request)


async def test_anthropic_is_asked_in_its_own_words() -> None:
    with fake_provider((200, anthropic_call("restart_service", {"service": "a"}, "It leaks."))) as server:
        answer = await ask("anthropic", server.url)
    assert answer == ModelAnswer("It leaks.", "restart_service", '{"service": "a"}')
    [sent] = server.sent
    assert sent.path == "/v1/messages"
    assert sent.headers["x-api-key"] == KEY
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert sent.body["model"] == "test-model"
    assert sent.body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    tools = {tool["name"]: tool for tool in sent.body["tools"]}
    assert tools["scale_service"]["input_schema"]["properties"]["replicas"] == {"type": "integer"}
    assert sent.body["messages"] == [
        {"role": "user", "content": sent.body["messages"][0]["content"]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "To see."},
                {"type": "tool_use", "id": "call_1", "name": "read_logs", "input": {"service": "a", "minutes": 5}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "lines", "is_error": False}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_2", "name": "escalate", "input": {"severity": "critical"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_2",
                    "content": "DENIED by your warrant (constraint_violation). not allowed",
                    "is_error": True,
                }
            ],
        },
    ]
    assert "P1042" in sent.body["messages"][0]["content"]


async def test_an_openai_compatible_server_is_asked_in_its_own_words() -> None:
    with fake_provider((200, openai_call("read_logs", '{"service":"a","minutes":5}', "To see."))) as server:
        answer = await ask("openai", f"{server.url}/v1/")
    assert answer == ModelAnswer("To see.", "read_logs", '{"service": "a", "minutes": 5}')
    [sent] = server.sent
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.body["parallel_tool_calls"] is False
    roles = [message["role"] for message in sent.body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert sent.body["messages"][2]["tool_calls"] == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "read_logs", "arguments": '{"service": "a", "minutes": 5}'},
        }
    ]
    assert sent.body["messages"][4]["content"] is None
    assert sent.body["messages"][5]["tool_call_id"] == "call_2"


async def ask_as_activity(settings: Settings, provider: str, url: str) -> ModelAnswer:
    settings.MODEL_PROVIDER, settings.MODEL_NAME, settings.MODEL_BASE_URL = provider, "test-model", url
    return await ActivityEnvironment().run(call_model, REQUEST)


async def test_a_server_of_one_s_own_needs_no_key(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with fake_provider((200, openai_words("Done."))) as server:
        assert await ask_as_activity(settings, "openai", server.url) == ModelAnswer("Done.")
    assert "authorization" not in server.sent[0].headers


async def test_closing_words_end_the_conversation() -> None:
    with fake_provider((200, anthropic_words("Done."))) as server:
        assert await ask("anthropic", server.url) == ModelAnswer("Done.")


async def test_a_key_comes_from_a_file_too(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-a-file\n")
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", str(tmp_path / "key"))
    with fake_provider((200, anthropic_words("Done."))) as server:
        await ask_as_activity(settings, "anthropic", server.url)
    assert server.sent[0].headers["x-api-key"] == "sk-from-a-file"


@pytest.mark.parametrize(
    ("provider", "words", "messages"), [("anthropic", anthropic_words, 5), ("openai", openai_words, 5)]
)
async def test_what_was_asked_of_whom_is_kept(provider: str, words: Any, messages: int) -> None:
    said = {**words("Done."), "model": "test-model-2026-11-01", "id": "answer_1"}
    with fake_provider((200, said)) as server:
        answer = await ask(provider, server.url)
    [sent] = server.sent
    assert answer.call == ModelCall(
        provider,
        asked_for="test-model",
        model="test-model-2026-11-01",
        request_id="answer_1",
        instructions=prompt.SYSTEM,
        messages=messages,
        sent_sha256=digest_of(sent.body),
    )


@pytest.mark.parametrize("said", [None, 5, "", "with spaces", "a" * 201, "a\nb", {"a": 1}])
async def test_what_is_no_name_and_no_id_is_not_kept(said: object) -> None:
    with fake_provider((200, {**anthropic_words("Done."), "model": said, "id": said})) as server:
        call = (await ask("anthropic", server.url)).call
    assert call is not None
    assert (call.model, call.request_id) == ("", "")


async def test_the_key_comes_from_wherever_credentials_do_and_a_rotated_one_counts_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    settings.CREDENTIALS = tmp_path.as_uri()
    with fake_provider((200, anthropic_words("Done."))) as server:
        for key in ("sk-the-first", "sk-rotated"):
            (tmp_path / "anthropic-api-key").write_text(key)
            (tmp_path / "anthropic-api-key").chmod(0o600)
            await ask_as_activity(settings, "anthropic", server.url)
    assert [sent.headers["x-api-key"] for sent in server.sent] == ["sk-the-first", "sk-rotated"]


async def test_no_key_is_a_typed_failure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(CredentialMissing, match="Set ANTHROPIC_API_KEY"):
        await ask_as_activity(settings, "anthropic", "http://127.0.0.1:9")


ANTHROPIC_NONSENSE: list[object] = [
    [],
    {},
    "text",
    {"content": "text", "stop_reason": "end_turn"},
    {"content": [], "stop_reason": "end_turn"},
    {"content": [{"type": "text", "text": " "}], "stop_reason": "end_turn"},
    {"content": [{"type": "text", "text": 5}], "stop_reason": "end_turn"},
    {"content": ["text"], "stop_reason": "end_turn"},
    {"content": [{"type": "text", "text": "cut of"}], "stop_reason": "max_tokens"},
    {"content": [{"type": "text", "text": "no"}], "stop_reason": "refusal"},
    {"content": [{"type": "text", "text": "no"}]},
    anthropic_call("read logs", {}),
    anthropic_call("../etc", {}),
    anthropic_call("a" * 65, {}),
    anthropic_call("read_logs", []),
    anthropic_call("read_logs", "{}"),
    anthropic_call("read_logs", {"service": "x" * 10_000}),
    anthropic_call("read_logs", {"service": "\ud800"}),
    b"<html>",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"content": [{"type": "tool_use", "name": "a", "input": {"a": NaN}}], "stop_reason": "tool_use"}',
    b'{"content": [{"type": "tool_use", "name": "a", "input": {"a": '
    + b"[" * 500
    + b"]" * 500
    + b'}}], "stop_reason": "tool_use"}',
    b" " * (MAXIMUM_ANSWER_BYTES + 1),
]
OPENAI_NONSENSE: list[object] = [
    {},
    {"choices": []},
    {"choices": [{}]},
    {"choices": ["text"]},
    {"choices": [{"message": {"content": "cut of"}, "finish_reason": "length"}]},
    {"choices": [{"message": {"content": "no"}, "finish_reason": "content_filter"}]},
    {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]},
    {"choices": [{"message": {"content": ["a"]}, "finish_reason": "stop"}]},
    {"choices": [{"message": {"content": "", "tool_calls": {}}, "finish_reason": "stop"}]},
    {"choices": [{"message": {"content": "", "tool_calls": {"a": 1}}, "finish_reason": "stop"}]},
    {"choices": [{"message": {"content": "", "tool_calls": ["a"]}, "finish_reason": "tool_calls"}]},
    openai_call("read_logs", "{"),
    openai_call("read_logs", "[]"),
    openai_call("read_logs", "[" * 7000),
    openai_call("read_logs", '{"a": "' + "x" * 10_000 + '"}'),
    openai_call("read_logs", '{"a": NaN}'),
    openai_call("", "{}"),
]


@pytest.mark.parametrize(
    ("provider", "reply"),
    [("anthropic", reply) for reply in ANTHROPIC_NONSENSE] + [("openai", reply) for reply in OPENAI_NONSENSE],
)
async def test_nonsense_is_a_typed_error(provider: str, reply: object) -> None:
    with fake_provider((200, reply)) as server, pytest.raises(ModelAnswerInvalid) as invalid:
        await ask(provider, server.url)
    assert len(invalid.value.sentence) < 200


async def test_long_reasoning_is_cut_and_made_storable() -> None:
    with fake_provider((200, anthropic_call("read_logs", {}, "a\0b\ud800" + "x" * 100_000))) as server:
        answer = await ask("anthropic", server.url)
    assert len(answer.text) == 4000
    assert answer.text.startswith("a\ufffdb?x")


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ModelRequestRefused),
        (401, ModelRequestRefused),
        (404, ModelRequestRefused),
        (302, ModelRequestRefused),
        (429, ModelUnavailable),
        (500, ModelUnavailable),
        (529, ModelUnavailable),
    ],
)
async def test_a_refusal_is_told_by_status_without_its_words(
    provider: str, status: int, error: type[Exception]
) -> None:
    body = {"error": {"type": "some_error", "message": f"Incorrect API key provided: {KEY}"}}
    with fake_provider((status, body)) as server, pytest.raises(error) as refused:
        await ask(provider, server.url)
    assert f"answered {status} (some_error)" in str(refused.value)
    assert KEY not in str(refused.value)
    assert len(server.sent) == 1, "a redirect must not take the key elsewhere"


async def test_a_provider_that_is_away_is_told_by_kind() -> None:
    with fake_provider((200, {})) as server:
        url = server.url
    with pytest.raises(ModelUnavailable, match="cannot be reached") as away:
        await ask("anthropic", url)
    assert away.value.__cause__ is None


@pytest.mark.parametrize("key", ["", "short", "two words are no key", "sk-planted\n-control", "sk-pläntéd-3c1f8e0b9d"])
def test_a_key_that_cannot_be_right_is_refused_without_being_quoted(
    key: str,
) -> None:
    with pytest.raises(ModelSettingsWrong, match="The credential anthropic-api-key") as wrong:
        provider_for(ModelSettings("anthropic", "m"), key)
    assert not key or key not in str(wrong.value)


@pytest.mark.parametrize(
    "settings",
    [
        ModelSettings("magic"),
        ModelSettings("anthropic", ""),
        ModelSettings("openai", "m", "ftp://example.com"),
        ModelSettings("openai", "m", "https://user:secret@example.com"),
        ModelSettings("openai", "m", "https:///nowhere"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(settings: ModelSettings) -> None:
    with pytest.raises(ModelSettingsWrong):
        provider_for(settings, KEY)


async def test_a_key_file_that_cannot_be_read_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(CredentialMissing, match="ANTHROPIC_API_KEY_FILE"):
        await ask_as_activity(settings, "anthropic", "http://127.0.0.1:9")


def test_a_provider_does_not_show_its_key() -> None:
    for name in ("anthropic", "openai"):
        assert KEY not in repr(provider_for(ModelSettings(name, "m"), KEY))


@pytest.mark.temporal
@pytest.mark.asyncio(loop_scope="session")
class TestInARun:
    async def test_the_key_is_in_no_history_result_or_log(
        self,
        live_temporal: WorkflowEnvironment,
        settings: Settings,
        own_estate: Estate,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        replies = [
            (200, anthropic_call("read_logs", {"service": "payment-service-prod", "minutes": 5})),
            (500, {"error": {"type": "api_error", "message": KEY}}),
            (200, anthropic_words("Done.")),
        ]
        with fake_provider(*replies) as server:
            settings.MODEL_PROVIDER, settings.MODEL_NAME, settings.MODEL_BASE_URL = "anthropic", "m", server.url
            report = await run_agent(live_temporal.client, call_model=call_model, workflow_id="incident-with-a-key")
        assert report.summary == "Done."
        assert len(server.sent) == 3, "a busy provider is asked again"
        history = await live_temporal.client.get_workflow_handle("incident-with-a-key").fetch_history()
        assert KEY not in history.to_json()
        assert KEY not in caplog.text

    async def test_a_refused_key_fails_the_run_and_is_not_told(
        self, live_temporal: WorkflowEnvironment, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with fake_provider((401, {"error": {"type": "authentication_error", "message": KEY}})) as server:
            settings.MODEL_PROVIDER, settings.MODEL_NAME, settings.MODEL_BASE_URL = "openai", "m", server.url
            with pytest.raises(WorkflowFailureError):
                await run_agent(live_temporal.client, call_model=call_model, workflow_id="incident-refused-key")
        assert len(server.sent) == 1
        history = await live_temporal.client.get_workflow_handle("incident-refused-key").fetch_history()
        assert "authentication_error" in history.to_json()
        assert KEY not in history.to_json()
        assert KEY not in caplog.text


def test_the_http_library_would_quote_a_broken_key() -> None:
    """Why keys are checked before they are used."""
    with fake_provider((200, {})) as server, pytest.raises(httpx.LocalProtocolError) as quoted:
        httpx.post(server.url, headers={"x-api-key": "planted\nkey"}, json={})
    assert "planted" in json.dumps(str(quoted.value))
