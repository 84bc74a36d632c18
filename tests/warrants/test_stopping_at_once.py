"""Stopping a namespace at the moment when a warrant is minted for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from accounts.models import ApproverKey
from tests.warrants.conftest import INCIDENT
from warrants.agents.services import ensure_agent
from warrants.issuers.services import ensure_issuer
from warrants.minting import services as minting
from warrants.models import Revocation, Warrant
from warrants.revocation.contracts import Aim, Scope
from warrants.revocation.queries import live
from warrants.revocation.services import stop


@pytest.mark.django_db(transaction=True)
def test_what_is_being_minted_when_its_namespace_is_stopped_is_taken_back(
    ada_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = ensure_agent(name="incident-agent")
    ensure_issuer()
    signing, stopped = threading.Event(), threading.Event()
    sign = minting._sign

    def sign_slowly(*args: object) -> Warrant:
        signing.set()
        stopped.wait(1)  # it cannot come, unless the stop does not wait for us
        return sign(*args)  # type: ignore[arg-type]

    def mint() -> None:
        minting.mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])
        connections.close_all()

    def stop_it() -> None:
        signing.wait(10)
        stop(aim=Aim(Scope.NAMESPACE, INCIDENT.namespace), reason="It went astray.", stopped_by="local:ada")
        stopped.set()
        connections.close_all()

    monkeypatch.setattr(minting, "_sign", sign_slowly)
    with ThreadPoolExecutor(2) as threads:
        for each in [threads.submit(mint), threads.submit(stop_it)]:
            each.result(timeout=30)
    assert not live().exists()
    assert Revocation.objects.get().warrant_id == Warrant.objects.get().pk
