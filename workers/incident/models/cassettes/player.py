"""Plays a recorded model. A conversation the recording does not know is an error, never a guess."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from workers.incident.contracts import ModelAnswer, ModelCall, ModelRequest
from workers.incident.models.cassettes.digest import digest_of, outline_of
from workers.incident.models.cassettes.tape import read_tape
from workers.incident.models.errors import CassetteMismatch, CassetteMissing

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


class CassettePlayer:
    """Answers from ``<directory>/<scenario>.json``."""

    SHIPPED: ClassVar[Path] = Path(__file__).parent

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        scenario = request.brief.scenario
        path = self._directory / f"{scenario}.json"
        if not _NAME.fullmatch(scenario) or not path.is_file():
            raise CassetteMissing(
                "There is no cassette for this scenario. Record one, or set MODEL_PROVIDER to a real provider."
            )
        for turn in read_tape(path).turns:
            if turn.digest == digest_of(request):
                return replace(turn.answer, call=ModelCall("cassette", asked_for=scenario, model=turn.model))
        raise CassetteMismatch(
            f"The cassette {scenario} has no answer after: {' > '.join(outline_of(request))}. "
            "Record the scenario again, or set MODEL_PROVIDER to a real provider."
        )
