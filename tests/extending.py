"""Warrants under a policy's terms, for tests that mint their own."""

from __future__ import annotations

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.statements import MalformedStatement
from audit.statements.terms import EXTENSION, Terms, terms_of
from warrants.minting.extending import with_extensions


def with_terms(plain: tenuo_core.Warrant, terms: Terms, issuer_key: Ed25519PrivateKey) -> tenuo_core.Warrant:
    """Return ``plain`` with ``terms`` in it, signed anew by its issuer."""
    return with_extensions(plain, {EXTENSION: terms.to_bytes()}, issuer_key)


def policy_label_of(root: tenuo_core.Warrant) -> str:
    """Return the policy's version in ``root``'s terms; nothing where they cannot be read."""
    try:
        return terms_of([root]).policy_label
    except MalformedStatement:
        return ""
