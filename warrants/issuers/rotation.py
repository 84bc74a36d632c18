"""Rotating the root: a new issuer is announced, signs, and the one before is retired. Each step is one transaction.

    announced ── switch ──▶ active ── switch to the next ──▶ overlapping ── retire ──▶ retired
        └─────────────────────── retire ─────────────────────────────────────────────────▲

With each step the active issuer signs which roots workers shall believe from then on; workers take the set from
wherever it comes, and believe it only because of that signature.
"""

from __future__ import annotations

import re
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audit.ledger.services import append
from audit.statements.chains import POLICIES_CHAIN
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, sign
from audit.statements.trusted_roots import MAXIMUM_ROOTS, facts_of
from warrants.errors import (
    InvalidIssuerName,
    IssuerExists,
    LiveWarrantsLeft,
    UnknownIssuer,
    WorkersNotReady,
    WrongIssuerState,
)
from warrants.issuers import queries
from warrants.issuers.contracts import State
from warrants.issuers.preview import unready_workers
from warrants.issuers.services import endorsements, lock_issuer, make_issuer
from warrants.issuers.signing import signer_of
from warrants.key_revocations import services as key_revocations
from warrants.models import IssuerKey, TrustedRoots
from warrants.revocation import services as revocation
from warrants.revocation.services import clean_reason

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@transaction.atomic
def announce(*, name: str, announced_by: str, kms_key_id: str = "") -> IssuerKey:
    """Make the issuer ``name``, which workers shall believe and which signs nothing yet.

    Its key is made where ``settings.ISSUER_KEEPER`` says; in KMS it is ``kms_key_id``, which is another than those
    before. Raises ``InvalidIssuerName``, ``IssuerExists``, ``WrongIssuerState`` while another one is announced or too
    many are trusted, and ``IssuerUnavailable``; then nothing was changed.
    """
    if not _NAME.fullmatch(name):
        raise InvalidIssuerName
    active = lock_issuer()
    if IssuerKey.objects.filter(name=name).exists():
        raise IssuerExists(f"There is an issuer named {name} here. A new one needs a name of its own.", field="name")
    waiting = IssuerKey.objects.filter(state=State.ANNOUNCED).first()
    if waiting is not None:
        raise WrongIssuerState(f"{waiting.name} is announced already: switch to it, or retire it.", field="name")
    if len(queries.trusted_roots()) >= MAXIMUM_ROOTS:
        raise WrongIssuerState(f"{MAXIMUM_ROOTS} roots are trusted already: retire one first.", field="name")
    issuer = make_issuer(name, State.ANNOUNCED, kms_key_id=kms_key_id)
    _record(EntryKind.ISSUER_ANNOUNCED, issuer, _sign_set(active), announced_by)
    return issuer


@transaction.atomic
def switch(*, name: str, switched_by: str, anyway_because: str = "") -> IssuerKey:
    """Let the announced issuer ``name`` sign from now on, and the active one nothing any more.

    What the workers hold is signed anew by it at once: both lists, the endorsements, and the set of trusted roots.
    Raises ``UnknownIssuer``, ``WrongIssuerState``, ``WorkersNotReady`` unless somebody says why to go on anyway,
    ``InvalidReason`` and ``CustodyError``; then nothing was changed.
    """
    because = clean_reason(anyway_because) if anyway_because else ""
    before = lock_issuer()
    issuer = _named(name)
    if issuer.state != State.ANNOUNCED:
        raise WrongIssuerState(f"{name} is {issuer.state}. Only an announced issuer becomes active.", field="name")
    unready = unready_workers()
    if unready and not because:
        raise WorkersNotReady(workers=[f"{held.worker} in {held.namespace}" for held in unready])
    now = timezone.now()
    _move(before, State.OVERLAPPING, now)
    _move(issuer, State.ACTIVE, now)
    revocation.sign_anew(issuer)
    key_revocations.sign_anew(issuer)
    endorsements()
    _record(EntryKind.ISSUER_ACTIVATED, issuer, _sign_set(issuer), switched_by, because)
    return issuer


@transaction.atomic
def retire(*, name: str, retired_by: str, anyway_because: str = "") -> IssuerKey:
    """Let nobody but auditors believe the issuer ``name`` any more, and delete its key if that is in the database.

    Raises ``UnknownIssuer``, ``WrongIssuerState`` for the active one, ``LiveWarrantsLeft`` unless somebody says why to
    go on anyway, ``InvalidReason`` and ``CustodyError``; then nothing was changed.
    """
    because = clean_reason(anyway_because) if anyway_because else ""
    active = lock_issuer()
    issuer = _named(name)
    if issuer.state not in (State.OVERLAPPING, State.ANNOUNCED):
        raise WrongIssuerState(
            f"{name} is {issuer.state}. Only an issuer that another one replaced, or that never signed, is retired.",
            field="name",
        )
    until = queries.last_expiry(issuer)
    if until is not None and not because:
        raise LiveWarrantsLeft(name=name, count=queries.live_of(issuer).count(), until=until)
    issuer.wrapped_private_key = b""
    _move(issuer, State.RETIRED, timezone.now())
    _record(EntryKind.ISSUER_RETIRED, issuer, _sign_set(active), retired_by, because)
    return issuer


def _named(name: str) -> IssuerKey:
    issuer = IssuerKey.objects.select_for_update().filter(name=name).first() if name.isprintable() else None
    if issuer is None:
        raise UnknownIssuer(name=name)
    return issuer


def _move(issuer: IssuerKey, state: State, now: datetime) -> None:
    issuer.state, issuer.state_since = state, now
    issuer.save(update_fields=["state", "state_since", "wrapped_private_key"])


def _sign_set(signer: IssuerKey) -> TrustedRoots:
    """Return the next set: the roots that are trusted now, signed by the active issuer."""
    newest, now = queries.newest_set(), timezone.now()
    number = newest.number + 1 if newest else 1
    facts = facts_of(at=int(now.timestamp() * 1000), number=number, roots=queries.trusted_roots())
    envelope = sign(Context.TRUSTED_ROOTS, facts, signer_of(signer)).to_bytes()
    return TrustedRoots.objects.create(number=number, issuer=signer, envelope=envelope, signed_at=now)


def _record(kind: EntryKind, issuer: IssuerKey, signed: TrustedRoots, by: str, because: str = "") -> None:
    append(
        chain=POLICIES_CHAIN,
        kind=kind,
        details={
            "issuer": issuer.name,
            "key": bytes(issuer.public_key),
            "keeper": issuer.keeper,
            "person": by,
            "reason": because,
            "roots": bytes(signed.envelope),
        },
    )
