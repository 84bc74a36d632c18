"""Where a key is named: only in warrants that still count, and only as far as its reader may see."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from django.utils import timezone

from accounts.models import ApproverKey, RoleGrant
from tests.warrants.conftest import INCIDENT
from warrants.minting.queries import live_warrants_naming
from warrants.minting.services import mint
from warrants.models import AgentIdentity, Warrant
from warrants.revocation.services import revoke
from warrants.templatetags import naming


def minted(agent: AgentIdentity, incident_id: str, *approvers: ApproverKey, namespace: str = "default") -> str:
    incident = dataclasses.replace(INCIDENT, id=incident_id, namespace=namespace)
    return mint(policy="incident-response", incident=incident, agent=agent, approvers=list(approvers)).id


def incidents(key: ApproverKey) -> list[str]:
    tag = naming.live_warrants_naming([key], key.person)
    return [warrant.incident_id for warrant in naming.of_key(tag, key)]


def test_a_key_is_named_in_the_warrants_that_name_it(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey
) -> None:
    minted(agent, "both", ada_key, grace_key)
    minted(agent, "hers", grace_key)
    assert (incidents(ada_key), sorted(incidents(grace_key))) == (["both"], ["both", "hers"])


def test_expired_and_revoked_warrants_do_not_count(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    Warrant.objects.filter(pk=minted(agent, "old", ada_key)).update(
        issued_at=timezone.now() - timedelta(hours=2), expires_at=timezone.now()
    )
    revoke(warrant_id=minted(agent, "revoked", ada_key), reason="a mistake", revoked_by="local:ada")
    minted(agent, "live", ada_key)
    assert incidents(ada_key) == ["live"]


def test_a_person_reads_only_of_namespaces_they_may_see(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    minted(agent, "seen", ada_key)
    minted(agent, "unseen", ada_key, namespace="payments")
    RoleGrant.objects.filter(person=ada_key.person).update(namespace="default")
    assert incidents(ada_key) == ["seen"]
    RoleGrant.objects.filter(person=ada_key.person).delete()
    assert incidents(ada_key) == []


def test_no_keys_ask_for_nothing() -> None:
    assert live_warrants_naming(set()) == {}
