"""Promise 4: four eyes are people.

Each attack is tried at the application, and then with the application out of the way: whoever may signal workflows
sends the signatures to a live worker themselves. The attacker has the issuer's key, so that a warrant names whom they
like; but the worker pins a people root, and the terms of the alert stand in the warrant.

Tried elsewhere: the same past the workflow's gate, in ``tests/gates/test_terms.py`` and
``tests/gates/test_approvers.py``; keys that nobody endorsed, in ``test_1_and_4_keys_that_nobody_endorsed.py``; what
an auditor finds, in ``tests/audit/test_verify_terms.py``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import tenuo_core
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.keys.queries import keys_of
from accounts.models import ApproverKey, KeyEndorsement, Person
from accounts.people.services import create
from accounts.roles.contracts import Role
from approvals.decisions.services import record
from approvals.errors import AlreadyDecided, ApprovalError, BarredPerson, NotEndorsedYet, UnusableKey
from approvals.models import ApprovalRequest
from audit.statements.terms import Terms, terms_of
from tests.approvals import factories
from tests.approvals.factories import Approver, base64_text, sign_approval
from tests.endorsing import ROOT, endorsed, ensure_people_root, statement
from tests.extending import with_terms
from tests.gates import agents
from tests.promises.conftest import House, approvals_message, denials_message, server_keys
from warrants.agents.services import ensure_agent
from warrants.errors import SharedKey, TooFewPeople
from warrants.issuers.services import ensure_issuer
from warrants.issuers.signing import statement_key, tenuo_key
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.services import mint
from warrants.policies import release as policies
from warrants.policies.rules import parse_policy
from workers.floors import floors_of
from workers.gates.people_roots import PeopleRoots
from workers.incident.alerts import reading
from workers.incident.alerts.contracts import Alert

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
EXAMPLE = Path(reading.__file__).parent / "examples" / "high-error-rate.json"
BY_HERSELF = {"agent": {"id": "PXPGF42", "type": "user_reference", "summary": "Ada Lovelace"}}


@pytest.fixture
def trust() -> dict[str, Any]:
    return {"people_roots": PeopleRoots([ROOT]), "floors": floors_of("incident-response")}


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def alerted(*, details: dict[str, Any] | None = None, event: dict[str, Any] | None = None) -> tuple[str, ...]:
    """Return whom the alert keeps from approving, as intake reads it."""
    document = json.loads(EXAMPLE.read_bytes())
    document["event"] |= event or {}
    document["event"]["data"]["custom_details"] |= details or {}
    alert = reading.read_alert(json.dumps(document).encode())
    assert isinstance(alert, Alert)
    return alert.barred_people


def incident(*barred: str) -> Incident:
    return Incident("PFOUR", "High error rate", "high", "checkout", "default", barred)


def minted_by_the_application(people: Iterable[Person], *barred: str) -> MintedWarrant:
    keys, agent = [key for person in people for key in keys_of(person)], ensure_agent(name="incident-agent")
    return mint(policy="incident-response", incident=incident(*barred), agent=agent, approvers=keys)


def minted_by_force(approvers: Iterable[bytes], *, terms: Terms, people: int = 1) -> MintedWarrant:
    """Mint, as whoever holds the issuer's key can, a warrant that names these keys, whosever they are."""
    policy, agent, issuer = policies.shipped("incident-response"), ensure_agent(name="incident-agent"), ensure_issuer()
    plain = tenuo_core.Warrant.issue(
        tenuo_key(issuer),
        capabilities=capabilities(policy, incident()),
        ttl_seconds=600,
        holder=tenuo_core.PublicKey.from_bytes(bytes(agent.public_key)),
        required_approvers=[tenuo_core.PublicKey.from_bytes(key) for key in approvers],
        min_approvals=people,
        approval_gates=approval_gates(policy, incident()),
    )
    warrant = with_terms(plain, terms, statement_key(issuer))
    return MintedWarrant(warrant.id, [bytes(warrant.to_bytes())], agent.key_id, int(time.time()) + 600, "default")


def refused_by_the_application(
    refusal: type[ApprovalError], who: Person, waiting: ApprovalRequest, signed: bytes
) -> None:
    with pytest.raises(refusal):
        record(person=who, request_id=waiting.pk, approval=signed)
    assert signed not in [decision.signed for decision in waiting.decisions.all()]


def endorsements() -> list[bytes]:
    return [bytes(row.envelope) for row in KeyEndorsement.objects.all()]


async def refused_by_the_worker(
    house: House,
    handle: Any,
    waiting: ApprovalRequest,
    grace: Approver,
    *bundles: list[bytes],
    bag: Iterable[bytes] = (),
) -> None:
    """Signal each bundle of approvals, with everything that was endorsed and ``bag``; then let Grace deny.

    The first decision that a worker believes settles the call: if it was the denial, no bundle was believed.
    """
    known = [base64_text(data) for data in [*await sync_to_async(endorsements)(), *bag]]
    for bundle in bundles:
        await house.signal(handle, approvals_message(waiting, *bundle) | {"endorsements": known})
    await house.signal(handle, denials_message(waiting, grace.sign_denial(waiting)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


@pytest_asyncio.fixture(loop_scope="session")
async def grace(house: House) -> Approver:
    return await sync_to_async(factories.approver)("grace")


# --- One person, two keys -------------------------------------------------------------------


async def test_one_person_with_two_keys_is_one_of_two(
    house: House, grace: Approver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = house.ada
    phone = Approver(ada.person, await sync_to_async(factories.enrol_key)(ada.person, name="Phone"))
    text = (policies.FOLDER / "incident-response.yaml").read_text().replace("min_approvals: 1", "min_approvals: 2")
    with monkeypatch.context() as patch:
        patch.setattr("warrants.minting.services.load", lambda name: parse_policy(text))
        with pytest.raises(TooFewPeople):
            await sync_to_async(minted_by_the_application)([ada.person])
    keys = [ada.public_key, phone.public_key, grace.public_key]
    denial_ends = Terms(one_denial_ends=True)
    house.warrants.append(await sync_to_async(minted_by_force)(keys, people=2, terms=denial_ends))
    handle, waiting = await house.waiting()
    first = await house.approve(waiting)
    second = phone.sign_approval(waiting)
    await sync_to_async(refused_by_the_application)(AlreadyDecided, ada.person, waiting, second)
    as_grace = phone.sign_approval(waiting, external_id="local:grace")
    await refused_by_the_worker(house, handle, waiting, grace, [first, second], [first, as_grace], [second, as_grace])


# --- The agent and the issuer ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["issuer", "agent"])
async def test_the_agents_and_the_issuers_key_are_nobodys_eyes(house: House, grace: Approver, name: str) -> None:
    key = (await sync_to_async(server_keys)())[name]

    def enrolled() -> Person:
        """A person whose key it is, as the rows and even the people root say."""
        person = create(username="mallory", display_name="Mallory", role=Role.APPROVER, created_by="tests")
        endorsed(ApproverKey.objects.create(person=person, public_key=public(key), name="Laptop", proof=b""))
        with pytest.raises(SharedKey):
            minted_by_the_application([person, grace.person])
        return person

    mallory = await sync_to_async(enrolled)()
    terms = Terms(one_denial_ends=True)
    keys = [public(key), grace.public_key]
    house.warrants.append(await sync_to_async(minted_by_force)(keys, terms=terms))
    handle, waiting = await house.waiting()
    signed = sign_approval(key, waiting, "local:mallory")
    await sync_to_async(refused_by_the_application)(UnusableKey, mallory, waiting, signed)
    await refused_by_the_worker(house, handle, waiting, grace, [signed])


# --- Approving one's own request ------------------------------------------------------------

OWN_REQUESTS = [
    pytest.param({"details": {"raised_by": "local:ada"}}, id="she raised the alert"),
    pytest.param({"details": {"raised_by": "Ada@Example.com"}}, id="she raised it, known by her address"),
    pytest.param({"event": BY_HERSELF}, id="she pressed the button in PagerDuty"),
    pytest.param({"details": {"on_behalf_of": ["local:ada"]}}, id="the agent acts for her"),
]


@pytest.mark.parametrize("told", OWN_REQUESTS)
async def test_nobody_approves_what_they_asked_for(house: House, grace: Approver, told: dict[str, Any]) -> None:
    ada, barred = house.ada, alerted(**told)
    phone = Approver(ada.person, await sync_to_async(factories.enrol_key)(ada.person, name="Phone"))

    def minted() -> tuple[MintedWarrant, MintedWarrant]:
        Person.objects.filter(pk=ada.person.pk).update(email="ada@example.com", display_name="Ada Lovelace")
        with pytest.raises(TooFewPeople):
            minted_by_the_application([ada.person], *barred)
        honest = minted_by_the_application([ada.person, grace.person], *barred)
        assert terms_in(honest).bars("local:ada")
        keys = [ada.public_key, phone.public_key, grace.public_key]
        return honest, minted_by_force(keys, terms=terms_in(honest))

    honest, forced = await sync_to_async(minted)()
    for warrant in (honest, forced):
        house.warrants.append(warrant)
        handle, waiting = await house.waiting()
        own, again = ada.sign_approval(waiting), phone.sign_approval(waiting)
        for signed in (own, again, ada.sign_approval(waiting, external_id="local:grace")):
            await sync_to_async(refused_by_the_application)(BarredPerson, ada.person, waiting, signed)
        as_grace = phone.sign_approval(waiting, external_id="local:grace")
        await refused_by_the_worker(house, handle, waiting, grace, [own], [again], [own, again], [as_grace])


def terms_in(warrant: MintedWarrant) -> Terms:
    return terms_of([tenuo_core.Warrant.from_bytes(data) for data in warrant.chain])


async def test_somebody_else_does_approve_it(house: House, grace: Approver) -> None:
    """The refusals above have no other reason."""
    people = [house.ada.person, grace.person]
    barred = alerted(details={"raised_by": "local:ada"})
    house.warrants.append(await sync_to_async(minted_by_the_application)(people, *barred))
    handle, waiting = await house.waiting()
    signed = grace.sign_approval(waiting)
    await sync_to_async(record)(person=grace.person, request_id=waiting.pk, approval=signed)
    assert await handle.result() == "restarted checkout"


# --- A key enrolled for somebody else -------------------------------------------------------


async def test_a_key_that_an_administrator_enrols_in_anothers_name_stays_the_administrators(
    house: House, grace: Approver
) -> None:
    """Mallory's own key is endorsed as Mallory's. Rows say that it is Grace's. It approves as neither."""
    own = Ed25519PrivateKey.generate()

    def enrolled() -> MintedWarrant:
        row = ApproverKey.objects.create(person=grace.person, public_key=public(own), name="Laptop", proof=b"")
        KeyEndorsement.objects.create(
            key=row,
            people_root=ensure_people_root(),
            role="approver",
            endorser_key=ROOT,
            endorser="people root",
            envelope=statement(public(own), "local:mallory"),
            signed_at=row.enrolled_at,
        )
        return minted_by_force(
            [public(own), house.ada.public_key, grace.public_key],
            people=2,
            terms=Terms(one_denial_ends=True, barred_people=("local:mallory",)),
        )

    house.warrants.append(await sync_to_async(enrolled)())
    handle, waiting = await house.waiting()
    genuine = await house.approve(waiting)
    as_grace = sign_approval(own, waiting, "local:grace")
    await sync_to_async(refused_by_the_application)(NotEndorsedYet, grace.person, waiting, as_grace)
    as_herself = sign_approval(own, waiting, "local:mallory")
    lie = statement(public(own), "local:grace", by=house.ada.private_key)
    bundles = [[genuine, as_grace], [genuine, as_herself], [as_grace, as_herself]]
    await refused_by_the_worker(house, handle, waiting, grace, *bundles, bag=[lie])
