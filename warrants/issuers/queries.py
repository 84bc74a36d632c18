"""Reading issuers."""

from __future__ import annotations

from warrants.models import IssuerKey


def trusted_roots() -> list[bytes]:
    """Return the 32-byte public keys that warrants, revocation lists and endorsements must come from."""
    return [bytes(key) for key in IssuerKey.objects.values_list("public_key", flat=True)]
