"""``approve REQUEST`` and ``deny REQUEST``: check everything, say it, sign it, send it."""

from __future__ import annotations

import argparse

from approvals.agent_text import visible
from approvals.cli import terminal
from approvals.cli.approver import outcome_by_asking
from approvals.cli.commands.opened import OpenedRequest, open_request
from approvals.cli.commands.options import add_secret_file, add_temporal
from approvals.cli.failures import CannotGoOn
from approvals.cli.home import Home
from approvals.cli.page import shown_lines
from approvals.cli.patience import be_patient
from approvals.cli.proposing import proposed
from approvals.cli.review import Refused, Review
from approvals.cli.session import believed_roots, own_key, signed_in
from approvals.cli.signer import Signer
from approvals.cli.visit import to_base64
from approvals.cli.words import value_lines
from approvals.signing.binding import MAXIMUM_REASON


def add_arguments(parser: argparse.ArgumentParser, *, needs_reason: bool) -> None:
    parser.add_argument("request", metavar="REQUEST", help="the request's id")
    if not needs_reason:
        parser.add_argument("--confirm", metavar="TEXT", help="what a policy asks to be typed; otherwise you are asked")
    parser.add_argument("--reason", required=needs_reason, default="", help="why; it is signed and kept")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait for what comes of it")
    add_secret_file(parser)
    add_temporal(parser)


async def run(options: argparse.Namespace, home: Home, *, is_approval: bool) -> int:
    reason = _reason(options.reason, is_required=not is_approval)
    session = signed_in(home)
    keeper = own_key(home, session, secret_file=options.secret_file)
    async with session.visit() as visit:
        roots = await believed_roots(home, session, visit)
        opened = await open_request(
            visit, options, roots=roots, own_key=keeper.public_key, external_id=session.external_id
        )
        reviewed = sound(opened)
        _say_what(reviewed, opened, is_approval=is_approval)
        signer = Signer(keeper)
        if is_approval:
            typed = await be_patient(opened.page, seconds_ago=opened.seconds_ago, typed=options.confirm)
            fields = {"approval": to_base64(signer.approve(reviewed, reason=reason)), **typed}
        else:
            other = proposed(reviewed.arguments, options.propose)
            fields = {"denial": to_base64(signer.deny(reviewed, reason=reason, proposed=other))}
        answer = await visit.submit(reviewed.decision_url, fields)
        terminal.say(f"Signed and recorded. The request is {visible(str(answer.get('state', 'unknown')))}.")
        if options.wait > 0:
            ended = await outcome_by_asking(visit, options.request, seconds=options.wait)
            terminal.say(f"It ended: {visible(ended)}.")
    return 0


def _reason(text: str, *, is_required: bool) -> str:
    if is_required and not text.strip():
        raise CannotGoOn("A denial needs a reason: it is signed, kept, and read by the agent.")
    if len(text) > MAXIMUM_REASON or any("\ud800" <= character <= "\udfff" for character in text):
        raise CannotGoOn(f"The reason must be valid text of at most {MAXIMUM_REASON} characters.")
    return text


def sound(opened: OpenedRequest) -> Review:
    """Return what may be signed. Raises ``Refused`` if anything differs, here or from the history."""
    for problem in opened.found.problems:
        terminal.complain(f"{problem.field}: {problem.sentence}")
    for difference in opened.differences:
        terminal.complain(f"DIFFERS  {difference.sentence}")
    if opened.differences:
        raise Refused(
            opened.differences[0].field,
            "The site and the workflow's history disagree. Nothing was signed; tell your security team.",
        )
    return opened.found.require_sound()


def _say_what(reviewed: Review, opened: OpenedRequest, *, is_approval: bool) -> None:
    verb = "approve" if is_approval else "deny"
    terminal.say(f"You {verb}, as {visible(reviewed.external_id)}, this one call and nothing else:")
    terminal.say(f"  {terminal.coloured(visible(reviewed.tool), terminal.BOLD)}")
    for name, value in reviewed.arguments.items():
        for line in value_lines(name, value):
            terminal.say(f"    {line}")
    binding = reviewed.binding
    terminal.say(f"  request {visible(binding.request_id)} of workflow {visible(binding.workflow_id)}")
    if binding.policy_version:
        terminal.say(f"  under the policy {visible(binding.policy_version)}")
    # The site may have shown something else before: what is said here is what is signed.
    for line in shown_lines(opened.found):
        terminal.say(line)
    terminal.say()
    if opened.was_compared:
        terminal.say("  The workflow's history in Temporal says the same.")
