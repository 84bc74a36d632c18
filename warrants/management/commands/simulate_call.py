"""``manage.py simulate_call incident-response restart_service '{"service": "payments", …}' --service payments``"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from warrants.errors import WarrantError
from warrants.policies.queries import text_of
from warrants.policies.rules import parse_policy
from warrants.simulation.approvers import Approvers
from warrants.simulation.calls import read_arguments, read_tool
from warrants.simulation.services import Simulated, simulate, version_of


class Command(BaseCommand):
    help = "Say what would happen if an agent made a call: Tenuo answers. No call is made, and nothing is recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the policy's name, as /policies/ lists it")
        parser.add_argument("tool")
        parser.add_argument("arguments", help='a JSON object, such as {"service": "payments"}')
        parser.add_argument("--number", type=int, help="a version in any state; otherwise the one that is in force")
        parser.add_argument("--service", required=True, help="of the incident that the warrant would be for")
        parser.add_argument("--severity", default="", help="one that the policy knows; otherwise its first")
        parser.add_argument("--namespace", default=settings.TEMPORAL_NAMESPACE, help="whose people approve")

    def handle(self, *args: Any, name: str, tool: str, number: int | None, **options: Any) -> None:
        try:
            text = text_of(name) if number is None else version_of(name, number).text
            policy = parse_policy(text)
            simulated = simulate(
                policy,
                tool=read_tool(tool),
                arguments=read_arguments(options["arguments"]),
                severity=options["severity"] or next(iter(policy.lifetimes)),
                service=options["service"],
                namespace=options["namespace"],
            )
        except WarrantError as error:
            raise CommandError(f"{error.field}: {error.sentence}" if error.field else error.sentence) from error
        self.stdout.write("\n".join(_lines(simulated)))


def _lines(simulated: Simulated) -> list[str]:
    answer = simulated.answer
    lines = [answer.sentence]
    if answer.message:
        lines.append(f"  {answer.message}")
    for reason in answer.reasons:
        lines.append(f"  {reason.sentence}{f' Line {reason.line}:' if reason.line else ''}")
        lines += [f"    {line}" for line in reason.rule.splitlines()]
    return [*lines, *(_people(simulated.approvers) if simulated.approvers else ())]


def _people(approvers: Approvers) -> list[str]:
    more = f", and perhaps some of {approvers.more} more" if approvers.more else ""
    lines = [f"  Could approve: {', '.join(approvers.able) or 'nobody'}{more}."]
    if approvers.unable:
        unable = ", ".join(f"{name} ({why})" for name, why in approvers.unable)
        lines.append(f"  Could not: {unable}.")
    if approvers.refusal:
        lines.append(f"  As it stands no warrant would be minted. {approvers.refusal}")
    return lines
