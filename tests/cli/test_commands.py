"""Every command, against a site that runs, with real keys and signatures."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import tenuo_core
from django.test import Client

from accounts.models import ApiToken, ApproverKey
from approvals.cli.__main__ import main
from approvals.cli.failures import CannotGoOn
from approvals.cli.proposing import proposed
from approvals.contracts import RequestState
from approvals.models import ApprovalRequest, Decision
from approvals.signing import approval, denial
from audit.statements import cbor
from tests.accounts.conftest import signed_in
from tests.approvals import factories
from tests.cli.conftest import Desk
from warrants.issuers.contracts import State
from warrants.models import IssuerKey

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.either_database]
Enrolled = tuple[Desk, ApproverKey]


def test_ada_signs_in_through_her_browser(desk: Desk, at_home: Callable[[str], Path]) -> None:
    process = desk.terminal.start("sign-in", desk.site, "--name", "Ada’s laptop")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"Open {desk.site}/devices/?code=")
    code = process.stdout.readline().split()[-1]
    browser = signed_in(desk.ada)
    assert "Ada’s laptop" in browser.get("/devices/", {"code": code}).content.decode()
    browser.post("/devices/decision/", {"code": code, "decision": "allow"})
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Signed in at" in output
    assert "as Ada" in output
    session = at_home("session.json")
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    assert stat.S_IMODE(session.parent.stat().st_mode) == 0o700
    token = json.loads(session.read_text())["token"]
    assert token not in output


def test_a_sign_in_that_is_refused_in_the_browser_is_one_sentence(desk: Desk) -> None:
    process = desk.terminal.start("sign-in", desk.site)
    assert process.stdout is not None
    process.stdout.readline()
    code = process.stdout.readline().split()[-1]
    signed_in(desk.ada).post("/devices/decision/", {"code": code, "decision": "refuse"})
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == "The sign-in was refused in the browser. Nothing was given.\n"
    assert not desk.terminal.home.exists()


def test_a_wrong_token_is_one_sentence(desk: Desk) -> None:
    ended = desk.terminal.sign_in(desk.site, "countersign_nothing")
    assert ended.code == 1
    assert ended.errors == "This token does not work, or no longer. Sign in again.\n"
    assert not desk.terminal.home.exists()


@pytest.mark.parametrize(
    "address", ["http://countersign.example.com", "ftp://localhost", "http://", "http://a:b@localhost"]
)
def test_a_token_is_never_sent_where_others_could_read_it(desk: Desk, address: str) -> None:
    ended = desk.terminal.sign_in(address, "countersign_secret")
    assert ended.code == 1
    assert len(ended.errors.splitlines()) == 1


def test_an_approval_from_list_to_record(enrolled: Enrolled) -> None:
    desk, key = enrolled
    waiting = desk.open_request(key)
    somebody_elses = desk.open_request(factories.approver("grace").public_key)

    listed = desk.terminal.run("list")
    assert waiting.pk in listed.output
    assert somebody_elses.pk not in listed.output
    assert [card["id"] for card in json.loads(desk.terminal.run("list", "--json").output)] == [waiting.pk]

    shown = desk.terminal.run("show", waiting.pk)
    assert shown, shown.errors
    for text in (
        'service = "payment-service-prod"  (text)',
        "needs a signature unless environment is one of",
        "written by the agent, not verified",
        "A restart clears the connection pool.",
        "holds  chain:",
        "holds  hash:",
        "holds  gate:",
        "holds  approver:",
        "(your key here)",
        "verified here",
    ):
        assert text in shown.output, text
    assert "\x1b" not in shown.output  # nobody is at the terminal

    ended = desk.terminal.decide("approve", waiting.pk, "--reason", "It leaks connections.")
    assert ended, ended.errors
    assert "The request is approved." in ended.output
    assert "| The error rate rose after the last deploy." in ended.output  # what is signed is said
    decision = Decision.objects.get()
    assert decision.reason == "It leaks connections."
    signed = approval.parse(bytes(decision.signed))
    signed.verify()
    assert signed.approver_key == bytes(key.public_key)
    assert ApprovalRequest.objects.get(pk=waiting.pk).state == RequestState.APPROVED

    again = desk.terminal.decide("approve", waiting.pk)
    assert again.code == 1
    assert "You approved this request" in again.errors


def test_a_denial_says_why(enrolled: Enrolled) -> None:
    desk, key = enrolled
    waiting = desk.open_request(key)
    assert desk.terminal.decide("deny", waiting.pk).code == 2
    assert desk.terminal.decide("deny", waiting.pk, "--reason", " ").code == 1
    assert not Decision.objects.exists()
    assert desk.terminal.decide("deny", waiting.pk, "--reason", "Payments are in flight.")
    read = denial.parse(bytes(Decision.objects.get().signed))
    read.verify()
    assert read.reason == "Payments are in flight."


def test_a_denial_proposes_arguments_of_the_types_that_were_asked(enrolled: Enrolled) -> None:
    desk, key = enrolled
    waiting = desk.open_request(key)
    for wrong in ("environment", "replicas=3", "environment=production"):
        assert desk.terminal.decide("deny", waiting.pk, "--reason", "No.", "--propose", wrong).code == 1
    assert not Decision.objects.exists()
    assert desk.terminal.decide("deny", waiting.pk, "--reason", "No.", "--propose", "environment=staging")
    kept = denial.parse(bytes(Decision.objects.get().signed)).proposed_arguments
    assert cbor.decode(kept or b"") == {**factories.ARGUMENTS, "environment": "staging"}


def test_a_typed_value_keeps_its_type() -> None:
    asked = {"replicas": 1, "ratio": 1.0, "force": True, "text": "1", "hosts": ["a"]}
    given = ["replicas=2", "ratio=2", "force=false", "text=2"]
    assert cbor.decode(proposed(asked, given) or b"") == {
        "replicas": 2, "ratio": 2.0, "force": False, "text": "2", "hosts": ["a"],
    }  # fmt: skip
    for wrong in ("replicas=2.0", f"replicas={2**63}", "ratio=nan", "ratio=inf", "force=yes", "hosts=b", "other=1"):
        with pytest.raises(CannotGoOn):
            proposed(asked, [wrong])


def test_an_approval_is_taken_back(enrolled: Enrolled) -> None:
    desk, key = enrolled
    minted = factories.mint(bytes(key.public_key), bytes(range(32)), min_approvals=2, issuer=desk.issuer)
    waiting = factories.services.open(gate_request=factories.gate_request(minted))
    assert "no approval here" in desk.terminal.decide("retract", waiting.pk).errors
    assert desk.terminal.decide("approve", waiting.pk)
    ended = desk.terminal.decide("retract", waiting.pk)
    assert ended, ended.errors
    assert Decision.objects.get().lapsed


def test_what_an_agent_writes_cannot_move_the_cursor_or_pretend(enrolled: Enrolled) -> None:
    desk, key = enrolled
    words = "fine\x1b[2J\x1b]0;x\x07\nholds  chain: all is well\u202e\u200b pr\u043eduction"
    arguments = {"service": "payment\x1b[31m\nholds", "environment": "production"}
    waiting = desk.open_request(key, reasoning=words, arguments=arguments)
    shown = desk.terminal.run("show", waiting.pk)
    assert shown, shown.errors
    assert not set("\x1b\x07\u202e\u200b\u043e") & set(shown.output)
    assert "⟨U+001B⟩" in shown.output
    assert "⟨U+043E⟩" in shown.output
    assert "\n  | holds  chain: all is well" in shown.output  # marked as the agent's line
    assert "\nholds" not in shown.output
    as_json = desk.terminal.run("show", waiting.pk, "--json").output
    assert as_json.isascii()
    assert json.loads(as_json)["request"]["reasoning"] == words


def test_a_site_that_changes_the_agents_words_gets_no_signature(enrolled: Enrolled) -> None:
    desk, key = enrolled
    waiting = desk.open_request(key)
    waiting.reasoning = "Everything is fine."
    waiting.save(update_fields=["reasoning"])
    shown = desk.terminal.run("show", waiting.pk)
    assert shown.code == 1
    assert "It cannot be signed: display_digest:" in shown.output
    for verb in ("approve", "deny"):
        ended = desk.terminal.decide(verb, waiting.pk, "--reason", "x")
        assert ended.code == 1
        assert "display_digest" in ended.errors
    assert not Decision.objects.exists()


def test_a_request_for_other_keys_is_shown_and_not_signed(enrolled: Enrolled) -> None:
    desk, _ = enrolled
    waiting = desk.open_request(factories.approver("grace").public_key)
    shown = desk.terminal.run("show", waiting.pk)
    assert shown.code == 1
    assert "FAILS  approver: The warrant does not name this key as an approver." in shown.output
    ended = desk.terminal.decide("approve", waiting.pk)
    assert ended.code == 1
    assert "required_approvers" in ended.errors
    assert not Decision.objects.exists()


def test_a_site_that_changes_an_argument_gets_no_signature(enrolled: Enrolled) -> None:
    desk, key = enrolled
    waiting, other = (
        desk.open_request(key),
        desk.open_request(key, arguments={**factories.ARGUMENTS, "service": "search"}),
    )
    waiting.arguments_cbor = other.arguments_cbor
    waiting.save(update_fields=["arguments_cbor"])
    for verb in ("approve", "deny"):
        ended = desk.terminal.decide(verb, waiting.pk, "--reason", "x")
        assert ended.code == 1
        assert "request_hash" in ended.errors
    assert not Decision.objects.exists()


def test_a_site_that_swaps_roots_gets_no_signature_until_a_person_says_so(enrolled: Enrolled) -> None:
    desk, key = enrolled
    IssuerKey.objects.all().delete()
    desk.issuer = tenuo_core.SigningKey.generate()
    waiting = desk.open_request(key)
    for command in (["show", waiting.pk], ["approve", waiting.pk, "--secret-file", str(desk.terminal.secret)]):
        ended = desk.terminal.run(*command)
        assert ended.code == 1
        assert "another trusted root than the one pinned here" in ended.errors
    assert not Decision.objects.exists()

    root = bytes(desk.issuer.public_key_bytes()).hex()
    assert "Nothing was pinned" in desk.terminal.run("trust").output
    assert desk.terminal.run("trust", "--root", "00" * 32).code == 1
    assert desk.terminal.decide("approve", waiting.pk).code == 1
    assert desk.terminal.run("trust", "--root", root)
    assert desk.terminal.decide("approve", waiting.pk)


def test_while_a_root_is_rotated_the_pinned_one_counts_until_it_is_retired(enrolled: Enrolled) -> None:
    desk, key = enrolled
    under_old, old = desk.open_request(key), IssuerKey.objects.get()
    desk.issuer = tenuo_core.SigningKey.generate()
    under_new = desk.open_request(key)
    ended = desk.terminal.run("show", under_old.pk)
    assert ended.code == 0
    assert "also shows a root that is not pinned here" in ended.errors
    refused = desk.terminal.decide("approve", under_new.pk)
    assert refused.code == 1
    assert "root" in refused.errors
    assert desk.terminal.decide("approve", under_old.pk).code == 0
    # Both are believed by whoever compared the new one; the retired one is not, though it is pinned.
    roots = [bytes(old.public_key).hex(), bytes(desk.issuer.public_key_bytes()).hex()]
    assert desk.terminal.run("trust", "--root", roots[0], "--root", roots[1])
    IssuerKey.objects.filter(pk=old.pk).update(state=State.RETIRED)
    assert desk.terminal.run("show", under_old.pk).code == 1
    assert desk.terminal.decide("approve", under_new.pk).code == 0


def test_a_new_key_is_no_way_to_pin_another_root(enrolled: Enrolled, at_home: Callable[[str], Path]) -> None:
    desk, _ = enrolled
    IssuerKey.objects.all().delete()
    factories.trust(tenuo_core.SigningKey.generate().public_key_bytes())
    pinned = at_home("roots.json").read_text()
    at_home("key.json").unlink()
    ended = desk.terminal.enrol()
    assert ended.code == 1
    assert "trust --root" in ended.errors
    assert at_home("roots.json").read_text() == pinned


def test_a_root_that_was_compared_beforehand_is_the_only_one_pinned(desk: Desk) -> None:
    desk.sign_in()
    assert desk.terminal.enrol("--root", "11" * 32).code == 1
    assert not ApproverKey.objects.exists()
    # The key that was made is kept, and enrolled now.
    desk.enrol("--root", bytes(desk.issuer.public_key_bytes()).hex())
    assert ApproverKey.objects.count() == 1


def test_keys_are_listed_revoked_and_made_again(enrolled: Enrolled) -> None:
    desk, key = enrolled
    assert "ordinary, enrolled, endorsed by people root  (the key here)" in desk.terminal.run("keys").output
    ended = desk.terminal.enrol()
    assert ended.code == 1
    assert "There is a key here already" in ended.errors
    assert desk.terminal.run("keys", "--revoke", "0" * 7).code == 1
    assert desk.terminal.run("keys", "--revoke", key.fingerprint[:8], "--reason", "Lost.")
    key.refresh_from_db()
    assert key.is_revoked
    waiting = desk.open_request(key)
    ended = desk.terminal.decide("approve", waiting.pk)
    assert ended.code == 1
    assert "not an active key of yours" in ended.errors
    assert desk.enrol().public_key != key.public_key
    assert [item["is_here"] for item in json.loads(desk.terminal.run("keys", "--json").output)] == [True, False]


def test_signing_out_revokes_the_token_and_keeps_the_key(enrolled: Enrolled, at_home: Callable[[str], Path]) -> None:
    desk, _ = enrolled
    token = json.loads(at_home("session.json").read_text())["token"]
    assert desk.terminal.run("sign-out")
    assert ApiToken.objects.get().revoked_at is not None
    headers = {"accept": "application/json", "authorization": f"Bearer {token}"}
    assert Client().get("/approvals/", headers=headers).status_code == 401
    assert desk.terminal.run("list").errors == "You are not signed in here. Begin with: sign-in ADDRESS\n"
    assert at_home("key.json").exists()
    # And in again, with the same key.
    desk.sign_in()
    assert desk.terminal.run("list")


def test_signing_out_with_a_token_that_is_over_still_forgets_it(
    enrolled: Enrolled, at_home: Callable[[str], Path]
) -> None:
    desk, _ = enrolled
    ApiToken.objects.all().delete()
    assert desk.terminal.run("sign-out")
    assert not at_home("session.json").exists()


def test_another_persons_session_does_not_use_this_key(enrolled: Enrolled) -> None:
    desk, _ = enrolled
    desk.ada = factories.person("grace")
    desk.sign_in()
    for command in (["list"], ["enrol", "--secret-file", str(desk.terminal.secret)]):
        ended = desk.terminal.run(*command)
        assert ended.code == 1
        assert "another person's" in ended.errors


def test_files_that_others_can_read_are_refused(enrolled: Enrolled, at_home: Callable[[str], Path]) -> None:
    desk, _ = enrolled
    at_home("session.json").chmod(0o644)
    ended = desk.terminal.run("list")
    assert ended.code == 1
    assert "can be read or changed by others" in ended.errors


@pytest.mark.parametrize("name", ["session.json", "key.json", "roots.json"])
def test_a_damaged_file_is_one_sentence(
    enrolled: Enrolled, at_home: Callable[[str], Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk, key = enrolled
    waiting = desk.open_request(key)
    for content in ("", "{", "[]", "null", "{}", '{"site": 7}', "\xff", "[" * 5000):
        at_home(name).write_text(content, encoding="latin-1")
        assert main(["--home", str(desk.terminal.home), "show", waiting.pk]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["sing"], ["show"], ["approve"], ["deny", "apr_0123456789"], ["sign-in"]])
def test_a_command_that_is_not_understood_is_exit_code_2(desk: Desk, arguments: list[str]) -> None:
    ended = desk.terminal.run(*arguments)
    assert ended.code == 2
    assert "usage:" in ended.errors


@pytest.mark.parametrize("request_id", ["nothing-like-it", "../keys", "x", "a/b/c/d/e/f"])
def test_a_request_that_is_not_there_is_one_sentence(enrolled: Enrolled, request_id: str) -> None:
    desk, _ = enrolled
    ended = desk.terminal.run("show", request_id)
    assert ended.code == 1
    assert len(ended.errors.splitlines()) == 1


def test_a_site_that_is_down_is_one_sentence(enrolled: Enrolled, at_home: Callable[[str], Path]) -> None:
    desk, _ = enrolled
    session = json.loads(at_home("session.json").read_text())
    at_home("session.json").write_text(json.dumps({**session, "site": "http://localhost:1"}))
    at_home("key.json").write_text(at_home("key.json").read_text().replace(desk.site, "http://localhost:1"))
    ended = desk.terminal.run("list")
    assert ended.code == 1
    assert "cannot be reached" in ended.errors
