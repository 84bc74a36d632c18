"""Minting for whoever asks: a command, a program, a page. Each asks here, and asking again mints nothing more."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.endorsements.queries import endorsed_keys
from accounts.keys.queries import active_keys
from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from warrants.errors import (
    IdempotencyConflict,
    InvalidIdempotencyKey,
    InvalidIncident,
    NotAMinter,
    NotASigner,
    UnknownAgent,
    UnknownPolicy,
)
from warrants.minting.contracts import Incident, MintedWarrant, Order
from warrants.minting.queries import minted
from warrants.minting.services import mint
from warrants.models import AgentIdentity, MintOrder
from warrants.policies.queries import load

MAXIMUM_KEY = 200
_IDEMPOTENCY_KEY = re.compile(rf"[ -~]{{1,{MAXIMUM_KEY}}}")
# What no name of a policy or an agent is longer or other than: databases refuse some of the rest.
_NAME = re.compile(r"[!-~]{1,64}")
COMMAND_LINE = "command line"


def order_by(person: Person, *, order: Order, idempotency_key: str) -> tuple[MintedWarrant, bool]:
    """Return the warrant that ``person`` asks for, and whether it was minted just now.

    They are a security administrator of its namespace, and never approve under it. Raises what ``order_once`` does,
    and ``NotAMinter``.
    """
    _require_namespace(order.namespace)
    if not has_role(person, Role.SECURITY_ADMINISTRATOR, namespace=order.namespace):
        raise NotAMinter(namespace=order.namespace)
    return order_once(order=order, idempotency_key=idempotency_key, requester=person.external_id)


def order_to_sign(
    person: Person, *, order: Order, public_key: bytes, idempotency_key: str
) -> tuple[MintedWarrant, bool]:
    """Return the warrant that ``person`` is to hand on with their key ``public_key``, and whether it is new.

    They are an approver of its namespace, and never approve under it. Raises what ``order_once`` does, and
    ``NotASigner`` for a key that is not theirs.
    """
    _require_namespace(order.namespace)
    signer = active_keys(namespace=order.namespace).filter(person=person, public_key=public_key).first()
    if signer is None:
        raise NotASigner(namespace=order.namespace)
    return order_once(order=order, idempotency_key=idempotency_key, requester=person.external_id, signer=signer)


def order_once(
    *, order: Order, idempotency_key: str, requester: str, signer: ApproverKey | None = None
) -> tuple[MintedWarrant, bool]:
    """Return the warrant for ``order``, and whether it was minted just now; a key that was used gives the same again.

    ``requester`` is a person's external id, who is barred from approving, or ``COMMAND_LINE``. ``signer`` is the key
    with which they hand it on; None: the installation gives it to the agent itself. Raises
    ``InvalidIdempotencyKey``, ``IdempotencyConflict``, ``UnknownAgent``, and what ``mint`` raises; then nothing was
    written.
    """
    if not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidIdempotencyKey(maximum=MAXIMUM_KEY)
    digest = _digest(order, signer)
    earlier = _earlier(requester, idempotency_key, digest)
    if earlier is not None:
        return earlier, False
    try:
        with transaction.atomic():
            warrant = _mint(order, requester, signer)
            MintOrder.objects.create(
                requester=requester, idempotency_key=idempotency_key, digest=digest, warrant_id=warrant.id
            )
    except IntegrityError:
        earlier = _earlier(requester, idempotency_key, digest)
        if earlier is None:
            raise
        return earlier, False  # the same request was faster
    return warrant, True


def _earlier(requester: str, idempotency_key: str, digest: bytes) -> MintedWarrant | None:
    found = MintOrder.objects.filter(requester=requester, idempotency_key=idempotency_key).first()
    if found is None:
        return None
    if bytes(found.digest) != digest:
        raise IdempotencyConflict
    return minted(found.warrant_id)


def _mint(order: Order, requester: str, signer: ApproverKey | None) -> MintedWarrant:
    _require_namespace(order.namespace)
    if not _NAME.fullmatch(order.policy):
        raise UnknownPolicy(order.policy)
    agent = AgentIdentity.objects.filter(name=order.agent).first() if _NAME.fullmatch(order.agent) else None
    if agent is None:
        raise UnknownAgent(name=order.agent)
    barred = () if requester == COMMAND_LINE else (requester,)
    incident = Incident(
        id=order.incident_id,
        title=order.title,
        severity=order.severity,
        service=order.service,
        namespace=order.namespace,
        barred_people=(*barred, *order.barred_people),
    )
    approvers = list(endorsed_keys(endorsers=load(order.policy).endorsers, namespace=order.namespace))
    return mint(policy=order.policy, incident=incident, agent=agent, approvers=approvers, signer=signer)


def _require_namespace(name: str) -> None:
    known = [namespace.name for namespace in settings.NAMESPACES]
    if name not in known:
        raise InvalidIncident(f"There is no such namespace here. There is {', '.join(known)}.", field="namespace")


def _digest(order: Order, signer: ApproverKey | None) -> bytes:
    signs = {"signer": bytes(signer.public_key).hex()} if signer else {}
    return hashlib.sha256(json.dumps({**asdict(order), **signs}, sort_keys=True).encode()).digest()
