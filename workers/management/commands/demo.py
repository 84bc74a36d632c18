"""``manage.py demo``: an incident from alert to receipts, on this machine alone."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from workers.demo.payment import NAMESPACES, PaymentStory
from workers.demo.story import AUTOMATIC, FOR_SOMEBODY, INJECTED, Script, Story
from workers.embedded import Parts, run
from workers.errors import StartFailed
from workers.nexus.exchange import paying_namespaces, payments_namespaces
from workers.supervisor import INTERRUPTED

EXAMPLES = Path(__file__).resolve().parents[2] / "incident" / "alerts" / "examples"
INCIDENT, INJECTION = EXAMPLES / "high-error-rate.json", EXAMPLES / "injection.json"
FOR_SOMEBODY_ALERT = EXAMPLES / "for-a-person.json"


class Command(BaseCommand):
    help = "Set up, start everything in one process, fire an alert, and tell what happens."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        unattended = parser.add_mutually_exclusive_group()
        unattended.add_argument("--auto", action="store_true", help="a separate program approves; ends by itself")
        unattended.add_argument(
            "--mcp", action="store_true", help="the agent works for a person, at an MCP server; the program approves"
        )
        unattended.add_argument("--injection", action="store_true", help="a false runbook; the program denies")
        unattended.add_argument(
            "--payment", action="store_true", help="a payment across namespaces instead; two programs approve"
        )
        parser.add_argument("--alert", type=Path, metavar="FILE", help="a PagerDuty v3 webhook instead of the demo's")
        parser.add_argument("--incident", default="", metavar="ID", help="the incident's id instead of a new one")

    def handle(self, *args: Any, **options: Any) -> None:
        script, usual = None, INCIDENT
        if options["auto"]:
            script = AUTOMATIC
        elif options["injection"]:
            script, usual = INJECTED, INJECTION
        elif options["mcp"]:
            script, usual = FOR_SOMEBODY, FOR_SOMEBODY_ALERT
        alert_file = options["alert"] or usual
        try:
            sys.exit(_pay() if options["payment"] else _run(script, alert_file, options["incident"]))
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)


def _run(script: Script | None, alert_file: Path, incident: str) -> int:
    try:
        story = Story(alert_file=alert_file, incident=incident, script=script)
    except StartFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return _tell(story, ends_by_itself=script is not None)


def _pay() -> int:
    if not (paying_namespaces() and payments_namespaces()):
        sys.stderr.write(f"NAMESPACES_FILE has no namespaces for a payment. {NAMESPACES} is an example.\n")
        return 1
    return _tell(PaymentStory(), ends_by_itself=True)


def _tell(story: Story, *, ends_by_itself: bool) -> int:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ still gets the words
    sys.stdout.write("Preparing the database, the keys and the static files…\n")
    sys.stdout.flush()
    call_command("setup", verbosity=0)
    code = run(Parts(), story=story.tell)
    # Ctrl-C is how a demo with a person ends; one that should end by itself was cut off.
    return INTERRUPTED if code == 0 and ends_by_itself and not story.is_over else code
