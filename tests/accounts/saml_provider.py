"""A SAML provider that signs what it is told to."""

from __future__ import annotations

import base64
import datetime
import re
import zlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from onelogin.saml2.utils import OneLogin_Saml2_Utils

ENTITY = "https://idp.acme.example/saml"
AUDIENCE = "http://localhost:5050/accounts/saml/saml/metadata/"
ACS = "http://localhost:5050/accounts/saml/saml/acs/"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"


class Signer:
    """A key and its certificate."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        ).sign(key, hashes.SHA256())
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.key = key.private_bytes(serialization.Encoding.PEM, *form).decode()
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, xml: str) -> str:
        return OneLogin_Saml2_Utils.add_sign(xml, self.key, self.certificate).decode()


def app(signer: Signer, role_groups: dict[str, Any]) -> dict[str, Any]:
    """Return the provider as ``config.single_sign_on`` makes it of settings."""
    return {
        "provider_id": "saml",
        "name": "Acme",
        "client_id": "saml",
        "settings": {
            "idp": {
                "entity_id": ENTITY,
                "sso_url": "https://idp.acme.example/sso",
                "x509cert": signer.certificate,
            },
            "groups_attribute": "groups",
            "name_attribute": "displayName",
            "role_groups": role_groups,
        },
    }


def assertion(request_id: str, **changes: Any) -> str:
    """Return an assertion about Ada that is right, unless ``changes`` says otherwise."""
    now = datetime.datetime.now(datetime.UTC)
    facts = {
        "id": "_a1",
        "issuer": ENTITY,
        "name": "ada-7",
        "format": PERSISTENT,
        "answers": f'InResponseTo="{request_id}"',
        "recipient": ACS,
        "until": f"{now + datetime.timedelta(seconds=120):%Y-%m-%dT%H:%M:%SZ}",
        "audience": f"<saml:AudienceRestriction><saml:Audience>{AUDIENCE}</saml:Audience></saml:AudienceRestriction>",
        "groups": "sre-oncall",
        **changes,
    }
    at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    return (
        '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" '
        'ID="{id}" IssueInstant="{at}"><saml:Issuer>{issuer}</saml:Issuer><saml:Subject>'
        '<saml:NameID Format="{format}">{name}</saml:NameID>'
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        '<saml:SubjectConfirmationData {answers} Recipient="{recipient}" NotOnOrAfter="{until}"/>'
        '</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotOnOrAfter="{until}">{audience}'
        '</saml:Conditions><saml:AuthnStatement AuthnInstant="{at}"><saml:AuthnContext><saml:AuthnContextClassRef>'
        "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>"
        '</saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="groups">'
        "<saml:AttributeValue>{groups}</saml:AttributeValue></saml:Attribute>"
        '<saml:Attribute Name="displayName"><saml:AttributeValue>Ada Lovelace</saml:AttributeValue></saml:Attribute>'
        "</saml:AttributeStatement></saml:Assertion>"
    ).format(at=at, **facts)


def response(request_id: str, inside: str, *, issuer: str = ENTITY, destination: str = ACS) -> str:
    now = datetime.datetime.now(datetime.UTC)
    return (
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" ID="_r1" '
        f'IssueInstant="{now:%Y-%m-%dT%H:%M:%SZ}" Destination="{destination}" InResponseTo="{request_id}">'
        f"<saml:Issuer>{issuer}</saml:Issuer><samlp:Status>"
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
        f"{inside}</samlp:Response>"
    )


def begin(client: Client, next_url: str = "") -> str:
    """Press the button; return the id of the request that the browser carries to the provider."""
    answer = client.post("/accounts/saml/saml/login/", {"next": next_url} if next_url else {})
    assert answer.status_code == 302
    assert answer.url.startswith("https://idp.acme.example/sso?")
    packed = base64.b64decode(parse_qs(urlsplit(answer.url).query)["SAMLRequest"][0])
    found = re.search(r'ID="([^"]+)"', zlib.decompress(packed, -15).decode())
    assert found
    return found[1]


def finish(client: Client, xml: str) -> Any:
    """Bring the provider's answer to the site, and go where that leads."""
    posted = client.post("/accounts/saml/saml/acs/", {"SAMLResponse": base64.b64encode(xml.encode()).decode()})
    assert posted.status_code == 302, posted.content.decode()
    return client.get(posted.url)
