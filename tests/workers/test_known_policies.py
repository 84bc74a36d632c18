"""Which policies a worker believes, and what each of them asks of a call, whatever a warrant says.

The attacker has the database and the issuer's key, and so mints any warrant. They have no key of a policy publisher's.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.key_endorsements import EndorsedRole
from audit.statements.publications import NOTHING, facts_of
from audit.statements.statements import Context, sign
from audit.statements.terms import Terms
from tests.endorsing import ROOT, statement
from warrants.policies.contracts import Offered
from warrants.policies.release import shipped_text
from workers.errors import StartFailed
from workers.gates.floors import Demand
from workers.gates.people_roots import PeopleRoots
from workers.known_policies import KnownPolicies
from workers.pinned_policies import FILE, PinnedPolicies

NAME = "incident-response"
OWN = shipped_text(NAME)
HOUR_MS, DAY_MS = 3_600_000, 24 * 3_600_000
NOW_MS = 1_800_000_000_000
PUBLISHER, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (0x51, 0x52))
PRODUCTION = {"service": "checkout", "environment": "production"}
STAGING = {"service": "checkout", "environment": "staging"}
LOGS = {"service": "checkout", "minutes": 5}
GATE = """    gate:
      message: Restarting a service in production needs a person's approval.
      unless:
        environment: {one_of: [staging, dev]}
"""


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def version(number: int, text: str = OWN) -> str:
    assert "version: 2\n" in text
    return text.replace("version: 2\n", f"version: {number}\n")


def asking_less(number: int) -> str:
    """Return the policy without its gate on restarts."""
    assert GATE in OWN
    return version(number, OWN.replace(GATE, "", 1))


def asking_more(number: int) -> str:
    """Return the policy with a gate on reading logs, too."""
    minutes = "      minutes: {range: {min: 1, max: 1440}}\n"
    assert minutes in OWN
    return version(number, OWN.replace(minutes, f"{minutes}    gate: {{message: Ask first., always: true}}\n"))


NIGHT = """name: night-shift
version: 1
lifetimes: {critical: 1 h}
min_approvals: 1
tools:
  restart_service:
    arguments:
      service: {one_of: ["{incident.service}"]}
      environment: {one_of: [staging]}
"""


def published(text: str, number: int = 3, *, name: str = NAME, replaces: str = OWN, **changes: Any) -> Offered:
    """Return a version as the database offers it, published an hour ago; ``changes`` replace what was signed."""
    key = changes.pop("by", PUBLISHER)
    endorsements = changes.pop("endorsements", None) or (endorsed(key),)
    facts = facts_of(
        at=NOW_MS - HOUR_MS,
        authors=["local:paula"],
        digest=digest(text),
        number=number,
        person="local:pete",
        policy=name,
        replaces=digest(replaces) if replaces else NOTHING,
    )
    envelope = sign(Context.POLICY_PUBLICATION, {**facts, **changes}, key).to_bytes()
    return Offered(name, number, text, envelope, endorsements, is_retired=False)


def endorsed(key: Ed25519PrivateKey, person: str = "local:pete", *, at: int = 1, **options: Any) -> bytes:
    role = options.pop("role", EndorsedRole.POLICY_PUBLISHER)
    return statement(key.public_key().public_bytes_raw(), person, role, at=at, **options)


def retired(one: Offered) -> Offered:
    return replace(one, is_retired=True)


def naming(text: str, number: int, name: str = NAME) -> Terms:
    return Terms(policy=name, policy_version=number, policy_digest=digest(text))


class Worker(KnownPolicies):
    """A worker with a clock that can be turned."""

    def __init__(self, *offered: Offered, pinned: PinnedPolicies | None = None, roots: tuple[bytes, ...] = (ROOT,)):
        self.now_ms = NOW_MS
        super().__init__(PeopleRoots(roots), pinned, clock=lambda: self.now_ms / 1000)
        self.take(offered, {})

    def people(self, terms: Terms, tool: str = "restart_service", **arguments: Any) -> int:
        return self.demand(terms, tool, arguments or PRODUCTION).people


# --- Which version counts -------------------------------------------------------------------------


def test_the_releases_own_counts_while_nothing_was_published() -> None:
    worker = Worker()
    for terms in (naming(OWN, 2), naming("another", 1), Terms(policy=NAME), Terms()):
        assert worker.people(terms) == 1
        assert worker.people(terms, **STAGING) == 0
        assert worker.people(terms, "read_logs", **LOGS) == 0


def test_a_version_that_asks_less_counts_for_the_warrants_that_name_it() -> None:
    text = asking_less(3)
    worker = Worker(published(text))
    assert worker.people(naming(text, 3)) == 0


def test_a_version_that_asks_more_counts_too() -> None:
    text = asking_more(3)
    worker = Worker(published(text))
    assert worker.people(naming(text, 3), "read_logs", **LOGS) == 1
    assert worker.people(Terms(), "read_logs", **LOGS) == 1


def test_what_was_minted_keeps_its_floors_for_as_long_as_it_can_live_and_no_longer() -> None:
    text = asking_more(4)
    older = published(asking_less(3), at=NOW_MS - 9 * DAY_MS)
    worker = Worker(older, published(text, 4, replaces=asking_less(3)))
    kept = naming(asking_less(3), 3)
    assert worker.people(kept) == 0
    assert worker.people(kept, "read_logs", **LOGS) == 0
    worker.now_ms += DAY_MS - HOUR_MS
    assert worker.people(kept) == 1, "whoever holds the issuer's key does not choose an old version for ever"
    assert worker.people(kept, "read_logs", **LOGS) == 1


def test_so_do_warrants_of_the_releases_own() -> None:
    worker = Worker(published(asking_more(3)))
    assert worker.people(naming(OWN, 2), "read_logs", **LOGS) == 0
    worker.now_ms += DAY_MS - HOUR_MS
    assert worker.people(naming(OWN, 2), "read_logs", **LOGS) == 1


def test_a_version_that_nothing_took_the_place_of_but_the_newest_is_none_to_choose() -> None:
    """The one between was taken out of the database: nothing says when the oldest was replaced."""
    worker = Worker(published(asking_less(3)), published(version(5), 5, replaces=version(4)))
    assert worker.people(naming(asking_less(3), 3)) == 1


@pytest.mark.parametrize("terms", [naming(OWN, 3), naming(asking_less(3), 4), naming("unheard of", 9), Terms(NAME, 3)])
def test_a_warrant_that_names_a_version_falsely_gets_the_newest(terms: Terms) -> None:
    worker = Worker(published(asking_less(3), at=NOW_MS - 9 * DAY_MS))
    assert worker.people(terms) == 0
    worker.take([published(asking_more(4), 4, replaces=asking_less(3), at=NOW_MS - 2 * DAY_MS)], {})
    assert worker.people(terms) == 1
    assert worker.people(terms, "read_logs", **LOGS) == 1


def test_the_endorsers_that_a_version_wants_count_as_its_people_do() -> None:
    text = version(3).replace("min_approvals: 1", "min_approvals: 2\nendorsers: 3")
    worker = Worker(published(text))
    assert worker.demand(naming(text, 3), "restart_service", PRODUCTION) == Demand(people=2, endorsers=3)
    assert worker.demand(naming(text, 3), "restart_service", STAGING) == Demand(people=0, endorsers=3)


# --- Policies that ask little ---------------------------------------------------------------------


def test_a_warrant_that_names_no_known_policy_gets_the_strictest_of_all() -> None:
    worker = Worker(published(asking_less(3)), published(NIGHT, 1, name="night-shift", replaces=""))
    for terms in (Terms(), naming(NIGHT, 1, "unheard-of")):
        # The release's incident-response-for-a-person still asks.
        assert worker.people(terms) == 1


def test_nobody_names_a_policy_for_what_it_would_not_have_allowed() -> None:
    worker = Worker(published(NIGHT, 1, name="night-shift", replaces=""))
    at_night = naming(NIGHT, 1, "night-shift")
    assert worker.people(at_night, **STAGING) == 0
    assert worker.people(at_night) == 1, "night-shift allows restarts in staging, and no others"
    assert worker.people(at_night, "scale_service", **PRODUCTION, replicas=3) == 1
    assert worker.people(naming(shipped_text("payments"), 1, "payments")) == 1


# --- What is not believed -------------------------------------------------------------------------

FORGED: list[tuple[str, Callable[[], Offered]]] = [
    ("Nobody endorsed this key", lambda: published(asking_less(3), by=STRANGER, endorsements=(endorsed(PUBLISHER),))),
    ("no people root", lambda: published(asking_less(3), endorsements=(endorsed(PUBLISHER, by=STRANGER),))),
    ("not as policy_publisher", lambda: published(
        asking_less(3), endorsements=(endorsed(PUBLISHER, role=EndorsedRole.APPROVER),)
    )),
    ("another person's", lambda: published(asking_less(3), person="local:mallory")),
    ("among its authors", lambda: published(asking_less(3), authors=["local:paula", "local:pete"])),
    ("another policy, number or text", lambda: published(asking_less(3), digest=digest(OWN))),
    ("another policy, number or text", lambda: published(asking_less(3), policy="payments")),
    ("another policy, number or text", lambda: replace(published(asking_less(3)), number=4)),
    ("another policy, number or text", lambda: replace(published(asking_more(3)), text=asking_less(3))),
    ("later than what it is for", lambda: published(
        asking_less(3), endorsements=(endorsed(PUBLISHER, at=NOW_MS),)
    )),
    ("published in the future", lambda: published(asking_less(3), at=NOW_MS + 120_000)),
    ("calls itself another", lambda: published(asking_less(3), 7)),
    ("calls itself another", lambda: published(NIGHT, 1, name="day-shift")),
    ("not one YAML document", lambda: published("tools: [")),
    ("", lambda: Offered(NAME, 3, asking_less(3), b"junk", (), is_retired=False)),
]  # fmt: skip


@pytest.mark.parametrize(("why", "forge"), FORGED)
def test_what_nobody_published_counts_nothing_and_is_said(
    why: str, forge: Callable[[], Offered], caplog: pytest.LogCaptureFixture
) -> None:
    forged = forge()
    worker = Worker(forged)
    assert worker.people(naming(forged.text, forged.number)) == 1
    assert f"Version {forged.number} of {forged.name} does not count here." in caplog.text
    assert why in caplog.text
    worker.take([forged], {})
    assert caplog.text.count("does not count here") == 1, "once is enough"
    assert worker.has_complaints


def test_text_with_half_a_character_is_nobodys(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(replace(published(asking_less(3)), text="\ud800"), published(asking_more(4), 4))
    assert "Version 3 of incident-response does not count here" in caplog.text
    assert worker.people(naming(asking_more(4), 4), "read_logs", **LOGS) == 1


def test_a_publishers_key_that_was_revoked_before_it_signed_publishes_nothing() -> None:
    key = PUBLISHER.public_key().public_bytes_raw()
    text, worker = asking_less(3), Worker()
    worker.take([published(text)], {key: NOW_MS - HOUR_MS})
    assert worker.people(naming(text, 3)) == 1
    worker.take([published(text)], {key: NOW_MS - HOUR_MS + 1})
    assert worker.people(naming(text, 3)) == 0, "revoked later, it signed for good"


def test_without_a_people_root_only_the_releases_own_counts() -> None:
    text = asking_less(3)
    worker = Worker(published(text), roots=())
    assert worker.people(naming(text, 3)) == 1
    worker.roots.pin_first(ROOT)
    worker.take([published(text)], {})
    assert worker.people(naming(text, 3)) == 0


# --- A database that goes back --------------------------------------------------------------------


@pytest.fixture
def pinned(tmp_path: Path) -> PinnedPolicies:
    return PinnedPolicies(tmp_path)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("left", ["an older version", "nothing"])
def test_a_version_that_was_seen_once_stays(
    restarts: bool, left: str, pinned: PinnedPolicies, caplog: pytest.LogCaptureFixture
) -> None:
    older, text = published(asking_less(3), at=NOW_MS - 9 * DAY_MS), asking_more(4)
    newer = published(text, 4, replaces=asking_less(3), at=NOW_MS - 3 * DAY_MS)
    worker = Worker(older, newer, pinned=pinned)
    database = [older] if left == "an older version" else []
    if restarts:
        worker = Worker(*database, pinned=pinned)
    worker.take(database, {})
    assert worker.people(naming(asking_less(3), 3)) == 1
    assert worker.people(Terms(), "read_logs", **LOGS) == 1
    assert f"The database has no version 4 of {NAME}" in caplog.text


def test_of_two_with_one_number_the_first_stays(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(published(asking_more(3), at=NOW_MS - 3 * DAY_MS))
    worker.take([published(asking_less(3), at=NOW_MS - DAY_MS // 2)], {})
    assert worker.people(naming(asking_less(3), 3)) == 1
    assert "another version 3" in caplog.text


@pytest.mark.parametrize("restarts", [False, True])
def test_a_revocation_of_the_publishers_key_takes_nothing_back(restarts: bool, pinned: PinnedPolicies) -> None:
    """Whoever holds the issuer's key signs when people's keys were revoked."""
    text = asking_more(3)
    worker = Worker(published(text), pinned=pinned)
    if restarts:
        worker = Worker(pinned=pinned)
    worker.take([published(text)], {PUBLISHER.public_key().public_bytes_raw(): 1})
    assert worker.people(naming(text, 3), "read_logs", **LOGS) == 1


@pytest.mark.parametrize(("text", "tool", "arguments"), [
    (asking_less(3), "restart_service", PRODUCTION),
    (asking_more(3), "read_logs", LOGS),
])  # fmt: skip
def test_retiring_a_version_makes_nothing_looser(
    text: str, tool: str, arguments: dict[str, Any], pinned: PinnedPolicies
) -> None:
    """Nobody signs it, so what the retired one and the release's own ask both counts, and stays so."""
    one = published(text, at=NOW_MS - 9 * DAY_MS)
    worker = Worker(retired(one), pinned=pinned)
    for terms in (naming(text, 3), naming(OWN, 2), Terms(policy=NAME)):
        assert worker.people(terms, tool, **arguments) == 1
        worker.take([one], {})
        assert worker.people(terms, tool, **arguments) == 1, "nobody brings it back either"
        assert Worker(one, pinned=pinned).people(terms, tool, **arguments) == 1


def test_what_can_count_no_more_is_forgotten(pinned: PinnedPolicies) -> None:
    texts = [version(number) for number in range(2, 7)]
    offered = [
        published(text, number, replaces=before, at=NOW_MS - (8 - number) * 10 * HOUR_MS)
        for number, (before, text) in enumerate(pairwise(texts), start=3)
    ]
    Worker(*offered, pinned=pinned)
    assert [one.number for one in pinned.read()] == [6, 5]


@pytest.mark.parametrize(
    "text", ["", "{}", '{"policies": [1]}', '{"policies": [{"name": "x", "number": "one"}]}', "\0"]
)
def test_a_pinned_file_that_cannot_be_read_keeps_the_worker_from_starting(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StartFailed, match="Restore it, or remove it"):
        KnownPolicies(PeopleRoots([ROOT]), PinnedPolicies(tmp_path))


def test_a_directory_that_takes_no_file_is_complained_of_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = asking_more(3)
    worker = Worker(published(text), pinned=PinnedPolicies(tmp_path / "nowhere"))
    assert worker.people(naming(text, 3), "read_logs", **LOGS) == 1
    assert "a restart forgets it" in caplog.text


def test_what_somebody_wrote_into_the_file_is_verified_too(
    pinned: PinnedPolicies, caplog: pytest.LogCaptureFixture
) -> None:
    text = asking_less(3)
    pinned.write([published(text, by=STRANGER, endorsements=(endorsed(STRANGER, by=STRANGER),))])
    assert Worker(pinned=pinned).people(naming(text, 3)) == 1
    assert "does not count here" in caplog.text


def test_nothing_is_complained_of_when_all_is_well(caplog: pytest.LogCaptureFixture, pinned: PinnedPolicies) -> None:
    text = asking_less(3)
    worker = Worker(published(text), pinned=pinned)
    worker.take([published(text)], {})
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not worker.has_complaints
