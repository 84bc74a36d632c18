"""What a step of the rotation would change, told before it is taken: the dry run."""

from __future__ import annotations

from django.conf import settings

from warrants.issuers import queries
from warrants.issuers.contracts import Finding, State, Step
from warrants.issuers.services import endorsed_keys
from warrants.issuers.waiting import waiting_under
from warrants.models import IssuerKey, KeyRevocationList, ListConfirmation, RevocationList
from warrants.revocation.queries import newest_list, workers

_ELSEWHERE = (
    "Workers elsewhere, which say nothing here, believe a set when their team gives it to them: see the sets that "
    "manage.py issuers --sets prints."
)


def unready_workers() -> list[ListConfirmation]:
    """Return what those workers hold that have not confirmed the newest set of trusted roots.

    A worker that stopped in order is none; one that was killed before it confirmed is, for a day.
    """
    newest = queries.newest_set()
    return [one.held for one in workers() if newest is not None and one.held.roots < newest.number]


def preview(step: Step, issuer: IssuerKey | None) -> list[Finding]:
    """Return what ``step`` would do, and what would break; ``issuer`` is the one it is about, if that is there yet."""
    if step is Step.ANNOUNCE or issuer is None:
        return _announce()
    return _switch(issuer) if step is Step.SWITCH else _retire(issuer)


def _announce() -> list[Finding]:
    return [
        Finding("A new key is made where ISSUER_KEEPER says. It signs nothing yet, so nothing stops verifying."),
        Finding("The active issuer signs the next set of trusted roots, with the new key in it; workers take it."),
        Finding(
            "Browsers and command lines show the new root. Have its fingerprint read to people, so that they believe "
            "it before the switch: without it they sign nothing under the new issuer's warrants."
        ),
        Finding(_ELSEWHERE),
    ]


def _switch(issuer: IssuerKey) -> list[Finding]:
    active = IssuerKey.objects.filter(state=State.ACTIVE).first()
    found = [Finding(f"From then on {issuer.name} signs warrants, lists and endorsements.")]
    if active is not None:
        live = queries.live_of(active).count()
        found.append(Finding(f"{_count(live, 'live warrant')} of {active.name} go on verifying: it stays trusted."))
        found += _signed_anew(active)
    found += [
        Finding(
            f"{held.worker} in {held.namespace} holds set {held.roots}, last heard of {held.seen_at:%H:%M:%S} UTC: "
            f"it would refuse what {issuer.name} signs.",
            breaks=True,
        )
        for held in unready_workers()
    ]
    found.append(
        Finding(f"Whoever signs with a browser or command line that does not believe {issuer.name} yet is told so.")
    )
    found.append(Finding(_ELSEWHERE))
    return found


def _signed_anew(active: IssuerKey) -> list[Finding]:
    found = []
    revoked = newest_list()
    if revoked is not None:
        found.append(
            Finding(f"The revocation list, version {revoked.version}, is signed anew as {revoked.version + 1}.")
        )
    keys = KeyRevocationList.objects.order_by("-number").first()
    if keys is not None:
        found.append(Finding(f"The list of revoked keys, number {keys.number}, is signed anew as {keys.number + 1}."))
    count, elsewhere = len(endorsed_keys()), len(settings.WORKER_RECEIPT_KEYS)
    among = f", {elsewhere} of them of workers elsewhere," if elsewhere else ""
    found.append(
        Finding(
            f"The {_count(count, 'key')} of this service{among} are endorsed anew; what {active.name} endorsed stays "
            "in the evidence."
        )
    )
    return found


def _retire(issuer: IssuerKey) -> list[Finding]:
    found = [
        Finding(
            f"Workers, browsers and this application no longer believe {issuer.name}. Auditors do, for what it signed: "
            f"--root {bytes(issuer.public_key).hex()}"
        )
    ]
    live = list(queries.live_of(issuer).values_list("pk", flat=True))
    if live:
        found.append(Finding(f"{_count(len(live), 'live warrant')} of it would stop verifying.", breaks=True))
    waiting = waiting_under(live)
    if waiting:
        found.append(Finding(f"{_count(waiting, 'request')} under them would wait for nothing.", breaks=True))
    newest = RevocationList.objects.order_by("-version").first()
    keys = KeyRevocationList.objects.order_by("-number").first()
    for signed, name in [(newest, "revocation list"), (keys, "list of revoked keys")]:
        if signed is not None and signed.issuer_id == issuer.pk:
            found.append(Finding(f"The newest {name} is signed by it: workers would refuse it.", breaks=True))
    found += [
        Finding(f"{held.worker} in {held.namespace} has not confirmed the newest set, and may go on believing it.")
        for held in unready_workers()
    ]
    if issuer.wrapped_private_key:
        found.append(Finding("Its private key, wrapped in the database, is deleted."))
    elif issuer.kept_as:
        found.append(Finding(f"Its private key stays where it is, {issuer.kept_as}: delete it there."))
    found.append(Finding(_ELSEWHERE))
    return found


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"
