"""Every stored key moves to another custody or key-encryption key, while everything goes on."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from audit.custody import CustodyError
from audit.keys.contracts import Purpose
from audit.keys.queries import service_private_key
from audit.keys.services import ensure_service_key
from audit.models import RingKey
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring, rotate
from audit.search.keys import ensure_key
from tests.issuing import private_key
from tests.softhsm import PIN, TOKEN
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.issuers.services import ensure_issuer
from warrants.rewrapping import services
from warrants.rewrapping.services import rewrap

pytestmark = pytest.mark.django_db


def make_everything() -> None:
    for purpose in Purpose:
        ensure_service_key(purpose=purpose)
    ensure_issuer()
    ensure_agent(name="incident-agent")
    ensure_ring(namespace="prd")
    rotate(namespace="prd", by="test")
    ensure_ring(namespace="stg")
    ensure_key("prd")


def everything() -> list[bytes]:
    """Return every secret as it opens now."""
    from audit.keys.queries import _opened as service_keys
    from audit.rings.queries import _opened as ring_keys
    from audit.search.keys import _secret as search_keys

    service_keys.cache_clear()
    ring_keys.cache_clear()
    search_keys.cache_clear()
    return [
        *(service_private_key(purpose).private_bytes_raw() for purpose in Purpose),
        private_key(ensure_issuer()).private_bytes_raw(),
        *holder_keys().values(),
        *ring_of("prd").keys.values(),
        *ring_of("stg").keys.values(),
        ensure_key("prd"),
    ]


@contextmanager
def with_a_new_key() -> Iterator[dict[str, Any]]:
    previous = settings.KEY_ENCRYPTION_KEY
    new = {"KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode()}
    with override_settings(**new, KEY_ENCRYPTION_KEY_PREVIOUS=previous):
        yield new


def test_every_key_moves_to_the_new_key_encryption_key_and_opens_without_the_old_one() -> None:
    make_everything()
    before = everything()
    with with_a_new_key() as new:
        assert everything() == before
        out = StringIO()
        call_command("rewrap_keys", stdout=out)
        assert "8 moved, 0 were current." in out.getvalue()
        with override_settings(**new, KEY_ENCRYPTION_KEY_PREVIOUS=""):
            assert everything() == before
        call_command("rewrap_keys", stdout=out)
        assert "0 moved, 8 were current." in out.getvalue()
    with pytest.raises(CustodyError, match="does not open"):
        everything()


def test_a_dry_run_changes_nothing() -> None:
    make_everything()
    stored = list(RingKey.objects.values_list("wrapped_key", flat=True))
    with with_a_new_key():
        out = StringIO()
        call_command("rewrap_keys", "--dry-run", stdout=out)
        assert "8 to move, 0 were current." in out.getvalue()
        assert "would move  issuer key root" in out.getvalue()
    assert list(RingKey.objects.values_list("wrapped_key", flat=True)) == stored


def test_what_was_cut_off_goes_on_where_it_stopped() -> None:
    make_everything()
    before = everything()
    with with_a_new_key():
        moving = rewrap()
        assert [next(moving).was for _ in range(3)] == ["moved"] * 3
        moving.close()
        assert everything() == before
        assert [one.was for one in rewrap()] == ["current"] * 3 + ["moved"] * 5
        assert everything() == before


def test_a_key_that_comes_back_otherwise_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    make_everything()
    before = everything()
    with with_a_new_key():
        monkeypatch.setattr(services.custody, "wrap", lambda secret, *, purpose: _damaged(purpose))
        with pytest.raises(CommandError, match="Nothing was changed"):
            call_command("rewrap_keys")
        assert everything() == before


def _damaged(purpose: str) -> bytes:
    from audit.keepers.local import LocalKeeper

    return LocalKeeper(settings.KEY_ENCRYPTION_KEY).wrap(b"another secret", purpose=purpose)


def test_a_key_that_no_key_opens_is_named_and_the_rest_stays() -> None:
    make_everything()
    with (
        override_settings(KEY_ENCRYPTION_KEY=base64.b64encode(secrets.token_bytes(32)).decode()),
        pytest.raises(CommandError, match=r"'issuer-key:root' does not open.*0 were moved before"),
    ):
        call_command("rewrap_keys")


def test_keys_move_into_a_token_and_back(token: str) -> None:
    make_everything()
    before = everything()
    label = f"kek-{secrets.token_hex(4)}"
    place = {"PKCS11_MODULE": token, "PKCS11_TOKEN": TOKEN, "PKCS11_KEY": label, "PKCS11_PIN": PIN}
    out = StringIO()
    with override_settings(KEY_CUSTODY="pkcs11", **place):
        with pytest.raises(CommandError, match="--make-key"):
            call_command("rewrap_keys")
        call_command("rewrap_keys", "--make-key", stdout=out)
        assert "8 moved" in out.getvalue()
        assert {bytes(wrapped)[0] for wrapped in RingKey.objects.values_list("wrapped_key", flat=True)} == {3}
        with override_settings(KEY_ENCRYPTION_KEY=""):
            assert everything() == before
    with override_settings(**place):
        call_command("rewrap_keys", stdout=out)
        assert everything() == before


def test_a_key_is_made_in_a_token_only() -> None:
    with pytest.raises(CommandError, match="pkcs11"):
        call_command("rewrap_keys", "--make-key")
