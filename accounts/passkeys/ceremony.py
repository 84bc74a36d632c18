"""What browser and server say to each other about a passkey (W3C Web Authentication, level 3).

allauth keeps the passkeys (``allauth.mfa``), python-fido2 checks the signatures. Challenges are ours, so that each is
good once, for one purpose. The site is ``SITE_ROOT`` and nothing else: neither the Host header nor a sister domain
can speak for it. User verification is always required: holding the device is not enough.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django.conf import settings
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    CollectedClientData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.models import Person
from accounts.step_up.errors import PasskeyRefused

CHALLENGE_BYTES = 32
MAXIMUM_CREDENTIAL = 64 * 1024
_VERIFIED = UserVerificationRequirement.REQUIRED


def creation_options(person: Person, known: list[Authenticator], challenge: bytes) -> dict[str, Any]:
    """Return the JSON of ``PublicKeyCredentialCreationOptions``; byte strings are base64url."""
    user = PublicKeyCredentialUserEntity(
        id=f"person-{person.pk}".encode(), name=person.username, display_name=person.display_name
    )
    options, _ = _server().register_begin(
        user,
        [_public_half(passkey) for passkey in known],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=_VERIFIED,
        challenge=challenge,
    )
    return dict(options)["publicKey"]


def request_options(known: list[Authenticator], challenge: bytes) -> dict[str, Any]:
    """Return the JSON of ``PublicKeyCredentialRequestOptions``; byte strings are base64url."""
    options, _ = _server().authenticate_begin(
        [_public_half(passkey) for passkey in known], user_verification=_VERIFIED, challenge=challenge
    )
    return dict(options)["publicKey"]


def read_challenge(credential: str) -> tuple[dict[str, Any], bytes]:
    """Return the answer that a browser posted as JSON, and the challenge it says it signed. Checks nothing else.

    Raises ``PasskeyRefused``.
    """
    try:
        if len(credential) > MAXIMUM_CREDENTIAL:
            raise PasskeyRefused
        answer = json.loads(credential)
        client_data = CollectedClientData(websafe_decode(answer["response"]["clientDataJSON"]))
        return answer, client_data.challenge
    except Exception as error:
        raise PasskeyRefused from error


def check_registration(answer: dict[str, Any], challenge: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return a new passkey's id and what is stored of it. Raises ``PasskeyRefused``."""
    # These bytes come from outside into a library: whatever it stumbles over, the answer is no.
    try:
        parsed = RegistrationResponse.from_dict(answer)
        made = _server().register_complete(_state(challenge), parsed)
        if made.credential_data is None or parsed.raw_id != made.credential_data.credential_id:
            raise PasskeyRefused
        _refuse_frames(parsed.response.client_data)
        stored = {
            "id": websafe_encode(parsed.raw_id),
            "rawId": websafe_encode(parsed.raw_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": websafe_encode(parsed.response.client_data),
                "attestationObject": websafe_encode(parsed.response.attestation_object),
            },
        }
    except Exception as error:
        raise PasskeyRefused from error
    return made.credential_data.credential_id, stored


def check_assertion(answer: dict[str, Any], known: list[Authenticator], challenge: bytes) -> Authenticator:
    """Return which of the ``known`` passkeys signed ``challenge``. Raises ``PasskeyRefused``."""
    by_id = {_public_half(passkey).credential_id: passkey for passkey in known}
    try:
        parsed = AuthenticationResponse.from_dict(answer)
        _refuse_frames(parsed.response.client_data)
        public_halves = [_public_half(passkey) for passkey in known]
        used = _server().authenticate_complete(_state(challenge), public_halves, parsed)
        return by_id[used.credential_id]
    except Exception as error:
        raise PasskeyRefused from error


def _server() -> Fido2Server:
    host = urlsplit(settings.SITE_ROOT).hostname
    site = PublicKeyCredentialRpEntity(name="Countersign", id=host)
    return Fido2Server(site, verify_origin=lambda origin: origin == settings.SITE_ROOT)


def _state(challenge: bytes) -> dict[str, Any]:
    return {"challenge": websafe_encode(challenge), "user_verification": _VERIFIED}


def _refuse_frames(client_data: CollectedClientData) -> None:
    # Our pages are never framed; an answer made in a frame of another site is not one of ours.
    if client_data.cross_origin:
        raise PasskeyRefused


def _public_half(passkey: Authenticator) -> AttestedCredentialData:
    return passkey.wrap().authenticator_data.credential_data
