"""The cassette's file: JSON that a person can read, turn by turn. Branches are turns like any other."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workers.incident.contracts import ModelAnswer, ModelRequest
from workers.incident.models.cassettes.digest import digest_of, outline_of
from workers.incident.models.errors import CassetteMissing
from workers.incident.models.wire.answers import closing_words, wanted_call

FORMAT = "countersign-cassette-v1"


@dataclass(frozen=True)
class Turn:
    """``after`` and ``model``, which gave the answer, are for readers only; ``digest`` decides."""

    digest: str
    model: str
    after: list[str]
    answer: ModelAnswer


@dataclass(frozen=True)
class Tape:
    scenario: str
    turns: list[Turn]

    def with_turn(self, request: ModelRequest, answer: ModelAnswer, *, model: str) -> Tape:
        """Return the tape with this answer, in the place of an earlier one to the same conversation."""
        turn = Turn(digest_of(request), model, outline_of(request), answer)
        if any(known.digest == turn.digest for known in self.turns):
            return replace(self, turns=[turn if known.digest == turn.digest else known for known in self.turns])
        return replace(self, turns=[*self.turns, turn])


def read_tape(path: Path) -> Tape:
    """Raises ``CassetteMissing`` for what is no cassette, ``ModelAnswerInvalid`` for a turn that is no answer."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise KeyError("format")
        turns = [_turn(turn) for turn in data["turns"]]
        return Tape(str(data["scenario"]), turns)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CassetteMissing(f"{path.name} cannot be read as a cassette. Record it again.") from None


def write_tape(path: Path, tape: Tape) -> None:
    turns = [
        {"after": turn.after, "model": turn.model, "digest": turn.digest, "answer": _readable(turn.answer)}
        for turn in tape.turns
    ]
    data = {"format": FORMAT, "scenario": tape.scenario, "turns": turns}
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _turn(data: dict[str, Any]) -> Turn:
    return Turn(str(data["digest"]), str(data["model"]), list(data["after"]), _answer(data["answer"]))


def _answer(data: dict[str, object]) -> ModelAnswer:
    text = str(data["text"])
    return wanted_call(text, str(data["tool"]), data["arguments"]) if "tool" in data else closing_words(text)


def _readable(answer: ModelAnswer) -> dict[str, object]:
    if not answer.tool:
        return {"text": answer.text}
    return {"text": answer.text, "tool": answer.tool, "arguments": json.loads(answer.arguments_json)}
