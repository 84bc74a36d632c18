"""A worker's look at what was published: cheap, without a restart, and no failure takes anything from it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from audit.statements.statements import parse
from tests.endorsing import ROOT
from tests.people import person
from tests.warrants.test_policy_versions import NAME, PUBLISHER_KEY, key_of, proposed, signed
from tests.workers.test_known_policies import PRODUCTION, asking_less, naming, version
from warrants.issuers.services import ensure_issuer
from warrants.models import PolicyVersion
from warrants.policies import offering, services
from workers.gates.people_roots import PeopleRoots
from workers.gates.revocation import RevocationRefused
from workers.known_policies import KnownPolicies
from workers.publications import Publications, known_policies

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
TEXT = asking_less(3)


class Plugin:
    """Takes any list of revoked keys; see ``GatePlugin``."""

    def __init__(self) -> None:
        self.revoked_keys: dict[bytes, int] = {}

    def apply_key_revocations(self, data: bytes) -> bool:
        self.revoked_keys = {bytes(item["key"]): item["at"] for item in parse(data).facts["keys"]}
        return True


def publish(text: str, number: int = 3) -> PolicyVersion:
    author = Person.objects.filter(username="author").first() or person("author", Role.POLICY_AUTHOR)
    publisher = Person.objects.filter(username="publisher").first()
    if publisher is None:
        publisher = person("publisher", Role.POLICY_PUBLISHER)
        key_of(publisher, PUBLISHER_KEY)
    found = proposed(author, text)
    return services.publish(name=NAME, number=number, publisher=publisher, envelope=signed(found, publisher))


@pytest.fixture
def known(settings: Settings, tmp_path: Path) -> KnownPolicies:
    settings.DATA_DIR = tmp_path
    return known_policies(PeopleRoots([ROOT]))


@pytest.fixture
def looking(known: KnownPolicies) -> Publications:
    return Publications(known, [Plugin()])


def asks(known: KnownPolicies, text: str = TEXT, number: int = 3) -> bool:
    return known.demand(naming(text, number), "restart_service", PRODUCTION).people > 0


async def test_what_was_published_counts_with_the_next_look(known: KnownPolicies, looking: Publications) -> None:
    await looking.look()
    assert asks(known)
    await sync_to_async(publish)(TEXT)
    await looking.look()
    assert not asks(known)
    await sync_to_async(services.retire)(
        name=NAME, number=3, publisher=await Person.objects.aget(username="publisher"), reason="It asked nobody."
    )
    await looking.look()
    assert asks(known)


async def test_while_nothing_changes_a_look_is_one_small_query(
    looking: Publications, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(publish)(TEXT)
    await looking.look()
    monkeypatch.setattr(offering, "offered", lambda: pytest.fail("Nothing has changed."))
    await looking.look()

    def stamp() -> list[str]:
        with CaptureQueriesContext(connection) as asked:
            offering.stamp()
        return [query["sql"] for query in asked]

    (only,) = await sync_to_async(stamp)()
    assert '"text"' not in only


@pytest.mark.parametrize("fails", ["stamp", "offered"])
async def test_a_failure_is_said_and_leaves_what_was_known(
    fails: str,
    known: KnownPolicies,
    looking: Publications,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await sync_to_async(publish)(TEXT)
    await looking.look()
    await sync_to_async(publish)(version(4), 4)

    def away() -> None:
        raise OperationalError("The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(offering, fails, away)
        await looking.look()
    assert "go on counting" in caplog.text
    assert not asks(known, version(4), 4), "the newest that is known"
    await looking.look()
    assert not known.has_complaints
    assert asks(known, version(4), 4)


async def test_a_list_of_revoked_keys_that_is_refused_lets_nothing_new_count(
    known: KnownPolicies, looking: Publications, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that was revoked before it signed must not publish because the list came too late."""

    def revoke_somebodys_key() -> None:
        ensure_issuer()
        ApproverKey.objects.filter(person__username="publisher").update(revoked_at=timezone.now() + timedelta(hours=1))

    def refuse(self: Plugin, data: bytes) -> bool:
        raise RevocationRefused("It is older.")

    await sync_to_async(publish)(TEXT)
    await sync_to_async(revoke_somebodys_key)()
    with monkeypatch.context() as patch:
        patch.setattr(Plugin, "apply_key_revocations", refuse)
        await looking.look()
    assert asks(known)
    await looking.look()
    assert not asks(known), "it was revoked after it had signed"


async def test_a_publishers_key_that_had_been_revoked_makes_nothing_count(
    known: KnownPolicies, looking: Publications
) -> None:
    """The list of revoked keys comes first, also when the worker has just started."""

    def revoke_before() -> None:
        ensure_issuer()
        ApproverKey.objects.filter(person__username="publisher").update(revoked_at=timezone.now() - timedelta(hours=1))

    await sync_to_async(publish)(TEXT)
    await sync_to_async(revoke_before)()
    await looking.look()
    assert asks(known)
    assert known.has_complaints


async def test_a_database_that_forgets_a_version_is_told_of_and_not_followed(
    known: KnownPolicies, looking: Publications, caplog: pytest.LogCaptureFixture
) -> None:
    await sync_to_async(publish)(TEXT)
    await looking.look()
    await PolicyVersion.objects.all().adelete()
    await looking.look()
    assert not asks(known)
    assert f"The database has no version 3 of {NAME}" in caplog.text
    again = known_policies(PeopleRoots([ROOT]))
    await Publications(again, [Plugin()]).look()
    assert not asks(again), "a restart forgets nothing"
