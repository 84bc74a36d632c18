"""``manage.py record SCENARIO``: let a real model work on an incident and keep what it says as a cassette."""

from __future__ import annotations

import asyncio
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from workers.credentials.errors import CredentialMissing
from workers.credentials.providers.environment import EnvironmentProvider
from workers.credentials.scope import Scope
from workers.incident.alerts import reading
from workers.incident.alerts.contracts import Alert
from workers.incident.contracts import IncidentBrief
from workers.incident.estate import Estate
from workers.incident.models.activity import model_settings
from workers.incident.models.cassettes.player import CassettePlayer
from workers.incident.models.cassettes.rehearsal import GateAnswer, Rehearsal
from workers.incident.models.cassettes.tape import Tape, read_tape, write_tape
from workers.incident.models.cassettes.warrant import practice_warrant
from workers.incident.models.errors import ModelError
from workers.incident.models.providers import ModelSettings, provider_for

EXAMPLES = Path(reading.__file__).parent / "examples"
ALERTS = {"incident": EXAMPLES / "high-error-rate.json", "injection": EXAMPLES / "injection.json"}


class Command(BaseCommand):
    help = (
        "Record a scenario with the provider that MODEL_PROVIDER and MODEL_NAME name. Turns are added to the "
        "cassette, so that recording again with another --at-gates adds a branch; --fresh begins a new cassette."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("scenario", choices=list(ALERTS), help="the story to record")
        parser.add_argument(
            "--at-gates", choices=[answer.value for answer in GateAnswer], default="approved", help="what people say"
        )
        parser.add_argument("--fresh", action="store_true", help="forget what the cassette holds")
        parser.add_argument("--output", type=Path, default=None, help="the cassette's file, if not the shipped one")

    def handle(self, *, scenario: str, at_gates: str, fresh: bool, output: Path | None, **options: object) -> None:
        settings = model_settings()
        if settings.provider == "cassette":
            raise CommandError("Set MODEL_PROVIDER to anthropic or openai, MODEL_NAME, and the provider's key.")
        path = output or CassettePlayer.SHIPPED / f"{scenario}.json"
        try:
            earlier = Tape(scenario, []) if fresh or not path.exists() else read_tape(path)
            tape = asyncio.run(_rehearse(settings, brief_of(scenario), GateAnswer(at_gates), earlier))
        except ModelError as error:
            raise CommandError(error.sentence) from None
        write_tape(path, tape)
        self.stdout.write(f"{path} holds {len(tape.turns)} turns.")


def brief_of(scenario: str) -> IncidentBrief:
    """Return what the agent is told when ``scenario``'s example alert comes in."""
    alert = reading.read_alert(ALERTS[scenario].read_bytes())
    if not isinstance(alert, Alert):
        raise CommandError(f"{ALERTS[scenario].name} does not tell of an incident.")
    return IncidentBrief(alert.incident_id, alert.title, alert.severity, alert.service, scenario)


async def _key(settings: ModelSettings) -> str:
    """Return the key in this terminal's environment: a rehearsal is no activity, and has no other credentials."""
    try:
        return await EnvironmentProvider().fetch(settings.key_name, Scope("", "", "", ""))
    except CredentialMissing as error:
        if settings.needs_key:
            raise CommandError(error.message) from None
        return ""


async def _rehearse(settings: ModelSettings, brief: IncidentBrief, at_gates: GateAnswer, tape: Tape) -> Tape:
    key = await _key(settings)
    with tempfile.TemporaryDirectory(prefix="countersign-rehearsal-") as directory:
        rehearsal = Rehearsal(
            provider_for(settings, key), practice_warrant(brief), Estate(Path(directory)), at_gates, settings.name
        )
        return await rehearsal.record(brief, tape)
