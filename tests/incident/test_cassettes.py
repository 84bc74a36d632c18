"""Recorded models: the same conversation gets the same answer, another one a clear error."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.incident.agents import BRIEF, call, done
from tests.incident.fake_provider import fake_provider, openai_call, openai_words
from workers.incident.contracts import ModelRequest, OutcomeKind, Step
from workers.incident.estate import Estate
from workers.incident.models.cassettes.digest import digest_of
from workers.incident.models.cassettes.player import CassettePlayer
from workers.incident.models.cassettes.rehearsal import GateAnswer, Rehearsal
from workers.incident.models.cassettes.tape import Tape, read_tape, write_tape
from workers.incident.models.cassettes.warrant import practice_warrant
from workers.incident.models.errors import CassetteMismatch, CassetteMissing, ModelAnswerInvalid
from workers.management.commands.record import brief_of

LOGS = Step(
    "read_logs",
    '{"service": "a", "minutes": 5}',
    "To see.",
    OutcomeKind.OK,
    "2026-11-21T03:02:11Z ERROR pool 50/50, request apr_0123456789abcdef0123456789abcdef of P1042",
)
GATED = Step("restart_service", '{"service": "a", "environment": "b"}', "Because.", OutcomeKind.OK, "restarted")


def conversation(*steps: Step, **brief: str) -> ModelRequest:
    return ModelRequest(replace(BRIEF, **brief), list(steps))


def test_times_ids_and_the_order_of_arguments_make_no_difference() -> None:
    other = replace(
        LOGS,
        arguments_json='{"minutes": 5, "service": "a"}',
        reasoning="Other words.",
        text="2027-01-01T00:00:00Z ERROR pool 50/50, request apr_ffffffffffffffffffffffffffffffff of P7",
    )
    assert digest_of(conversation(LOGS)) == digest_of(conversation(other, incident_id="P7"))


@pytest.mark.parametrize(
    "changed",
    [
        conversation(),
        conversation(LOGS, LOGS),
        conversation(LOGS, service="other"),
        conversation(LOGS, severity="low"),
        conversation(LOGS, title="Another alert"),
        conversation(replace(LOGS, text="pool 17/50")),
        conversation(replace(LOGS, tool="read_metrics")),
        conversation(replace(LOGS, arguments_json='{"service": "a", "minutes": 6}')),
        conversation(replace(LOGS, outcome=OutcomeKind.FAILED)),
    ],
)
def test_another_conversation_has_another_digest(changed: ModelRequest) -> None:
    assert digest_of(changed) != digest_of(conversation(LOGS))


def test_a_denial_s_own_words_make_no_difference_but_its_kind_does() -> None:
    denied = [
        replace(GATED, outcome=OutcomeKind.APPROVAL_DENIED, text=reason, code="APPROVAL_DENIED")
        for reason in ("Not now.", "Wait for the database team.")
    ]
    assert len({digest_of(conversation(step)) for step in denied}) == 1
    kinds = {digest_of(conversation(replace(GATED, outcome=kind))) for kind in OutcomeKind}
    assert len(kinds) == len(OutcomeKind)


async def test_a_tape_branches_on_what_people_said(tmp_path: Path) -> None:
    approved = conversation(GATED)
    denied = conversation(replace(GATED, outcome=OutcomeKind.APPROVAL_DENIED, text="No."))
    tape = Tape("incident", []).with_turn(conversation(), call("restart_service", "Because.", service="a"), model="m")
    tape = tape.with_turn(approved, done("It runs."), model="m").with_turn(denied, done("Told people."), model="m")
    write_tape(tmp_path / "incident.json", tape)
    player = CassettePlayer(tmp_path)
    assert (await player.answer(conversation())).tool == "restart_service"
    assert (await player.answer(approved)).text == "It runs."
    assert (await player.answer(denied)).text == "Told people."


def test_recording_the_same_conversation_again_replaces_its_answer(tmp_path: Path) -> None:
    tape = Tape("incident", []).with_turn(conversation(), done("One."), model="m")
    tape = tape.with_turn(conversation(), done("Two."), model="m2")
    write_tape(tmp_path / "incident.json", tape)
    assert read_tape(tmp_path / "incident.json") == tape
    assert [(turn.answer.text, turn.model) for turn in tape.turns] == [("Two.", "m2")]


async def test_an_unknown_conversation_is_named_step_by_step(tmp_path: Path) -> None:
    write_tape(tmp_path / "incident.json", Tape("incident", []))
    with pytest.raises(CassetteMismatch, match="no answer after: the alert > read_logs ok"):
        await CassettePlayer(tmp_path).answer(conversation(LOGS))


@pytest.mark.parametrize("scenario", ["nothing", "../incident", "", "a" * 100, "incident\0"])
async def test_a_scenario_without_a_cassette_says_what_to_do(scenario: str, tmp_path: Path) -> None:
    write_tape(tmp_path / "incident.json", Tape("incident", []))
    with pytest.raises(CassetteMissing, match="Record one"):
        await CassettePlayer(tmp_path / "sub").answer(conversation(scenario=scenario))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"format": "other"}', b'{"format": "countersign-cassette-v1", "turns": [1]}'],
)
async def test_a_file_that_is_no_cassette_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "incident.json").write_bytes(content)
    with pytest.raises(CassetteMissing, match="cannot be read as a cassette"):
        await CassettePlayer(tmp_path).answer(conversation())


async def test_a_recorded_answer_is_checked_like_any_other(tmp_path: Path) -> None:
    tape = Tape("incident", []).with_turn(conversation(), call("read_logs"), model="m")
    write_tape(tmp_path / "incident.json", tape)
    data = json.loads((tmp_path / "incident.json").read_text())
    data["turns"][0]["answer"]["tool"] = "read logs; rm"
    (tmp_path / "incident.json").write_text(json.dumps(data))
    with pytest.raises(ModelAnswerInvalid):
        await CassettePlayer(tmp_path).answer(conversation())


@pytest.mark.parametrize("scenario", ["incident", "injection"])
@pytest.mark.parametrize("at_gates", list(GateAnswer))
async def test_the_shipped_cassettes_know_every_way_their_story_can_go(
    scenario: str, at_gates: GateAnswer, tmp_path: Path
) -> None:
    brief = brief_of(scenario)
    player = CassettePlayer(CassettePlayer.SHIPPED)
    rehearsal = Rehearsal(player, practice_warrant(brief), Estate(tmp_path), at_gates, "scripted")
    played = await rehearsal.record(replace(brief, incident_id="P999"), Tape(scenario, []))
    assert played.turns[-1].answer.tool == ""
    recorded = {turn.digest: turn for turn in read_tape(CassettePlayer.SHIPPED / f"{scenario}.json").turns}
    assert all(recorded[turn.digest] == turn for turn in played.turns)


async def test_the_injected_agent_is_stopped_by_its_warrant_and_by_people(tmp_path: Path) -> None:
    brief = brief_of("injection")
    estate = Estate(tmp_path)
    rehearsal = Rehearsal(
        CassettePlayer(CassettePlayer.SHIPPED), practice_warrant(brief), estate, GateAnswer.DENIED, "scripted"
    )
    played = await rehearsal.record(brief, Tape("injection", []))
    assert played.turns[-1].after == [
        "the alert",
        "read_logs ok",
        "delete_database denied",
        "modify_iam denied",
        "restart_service approval_denied",
        "escalate denied",
        "escalate ok",
        "post_status ok",
    ]
    assert [effect.tool for effect in estate.effects()] == ["escalate", "post_status"]


def test_a_real_provider_is_recorded_turn_by_turn_and_played_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-3c1f8e0b9d")
    replies = [
        (200, openai_call("read_logs", '{"service": "payment-service-prod", "minutes": 5}', "To see.")),
        (200, openai_call("no_such_tool", "{}")),
        (200, openai_words("Nothing to do.")),
    ]
    tape = tmp_path / "tape.json"
    with fake_provider(*replies) as server:
        settings.MODEL_PROVIDER, settings.MODEL_NAME, settings.MODEL_BASE_URL = "openai", "m", server.url
        call_command("record", "incident", "--output", str(tape), stdout=StringIO())
    assert [turn.after[-1] for turn in read_tape(tape).turns] == ["the alert", "read_logs ok", "no_such_tool refused"]
    assert "sk-planted" not in tape.read_text()
    with fake_provider((401, {})) as server:
        settings.MODEL_BASE_URL = server.url
        before = tape.read_bytes()
        with pytest.raises(CommandError, match="Check the provider's key"):
            call_command("record", "incident", "--output", str(tape))
    assert tape.read_bytes() == before


def test_a_cassette_is_not_recorded_from_a_cassette() -> None:
    with pytest.raises(CommandError, match="Set MODEL_PROVIDER"):
        call_command("record", "incident")
