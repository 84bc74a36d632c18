"""Identity providers, from the environment alone: ``docs/sso.md`` takes an operator through it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from accounts.namespaces.contracts import Namespace
from accounts.roles.contracts import Role
from accounts.sign_in.addresses import origin
from config import env

_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
# Of a group, and of a namespace, in characters: what a grant has room for.
_MAXIMUM_STORED = 255
# What a group gives: role and namespace; an empty namespace is all of them.
RoleGroups = dict[str, list[tuple[Role, str]]]


def openid_apps(namespaces: Sequence[Namespace] = ()) -> list[dict[str, Any]]:
    """Return one app for each name in ``OIDC_PROVIDERS``, in the shape of allauth's ``APPS``.

    ``settings`` holds ``server_url`` (the issuer), ``scope``, ``oauth_pkce_enabled`` and, ours, ``groups_claim``,
    ``role_groups`` and ``origins`` (of pages that a sign-in passes through, besides the issuer's). ``namespaces`` may
    give groups roles.
    """
    names = env.names("OIDC_PROVIDERS")
    if len(set(names)) < len(names):
        raise ImproperlyConfigured("OIDC_PROVIDERS names a provider twice.")
    return [_openid_app(name, namespaces) for name in names]


def _openid_app(name: str, namespaces: Sequence[Namespace]) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        raise ImproperlyConfigured(
            f"OIDC_PROVIDERS: {name!r} is not a name. Use up to 30 small letters, digits and hyphens, a letter first."
        )
    prefix = f"OIDC_{name.upper().replace('-', '_')}_"
    return {
        "provider_id": name,
        "name": env.text(f"{prefix}NAME", name.capitalize()),
        "client_id": env.text(f"{prefix}CLIENT_ID"),
        "secret": env.secret(f"{prefix}CLIENT_SECRET"),
        "settings": {
            "server_url": env.text(f"{prefix}ISSUER"),
            "scope": env.text(f"{prefix}SCOPES", "openid profile").replace(",", " ").split(),
            "oauth_pkce_enabled": True,
            "groups_claim": env.text(f"{prefix}GROUPS_CLAIM", "groups"),
            "role_groups": role_groups(f"{prefix}ROLE_GROUPS", env.names(f"{prefix}ROLE_GROUPS"), namespaces),
            "origins": env.names(f"{prefix}ORIGINS"),
        },
    }


def saml_apps(namespaces: Sequence[Namespace] = ()) -> list[dict[str, Any]]:
    """Return the one SAML provider, in the shape of allauth's ``APPS``, or nothing without ``SAML_ENTITY_ID``."""
    entity_id = env.text("SAML_ENTITY_ID", "")
    if not entity_id:
        return []
    if find_spec("onelogin") is None:
        raise ImproperlyConfigured(
            "SAML_ENTITY_ID is set, but its packages are missing: pip install --require-hashes -r requirements/saml.txt"
        )
    return [
        {
            "provider_id": "saml",
            "name": env.text("SAML_NAME", "your organisation"),
            "client_id": "saml",
            "settings": {
                "idp": {
                    "entity_id": entity_id,
                    "sso_url": env.text("SAML_SSO_URL"),
                    "x509cert": env.secret("SAML_CERTIFICATE"),
                },
                "groups_attribute": env.text("SAML_GROUPS_ATTRIBUTE", "groups"),
                "name_attribute": env.text("SAML_NAME_ATTRIBUTE", "displayName"),
                "role_groups": role_groups("SAML_ROLE_GROUPS", env.names("SAML_ROLE_GROUPS"), namespaces),
            },
        }
    ]


def role_groups(name: str, own: list[str], namespaces: Sequence[Namespace] = ()) -> RoleGroups:
    """Return what each group gives, from ``sre-oncall=approver, pay-leads=approver@payments``.

    ``own`` is what the provider's setting ``name`` holds; without any, ``ROLE_GROUPS`` and what ``namespaces`` give
    count: a partner's group may have the same name as one of ours. A group may stand there several times, and may
    itself hold ``=``.
    """
    given: RoleGroups = {}
    for item in own or env.names("ROLE_GROUPS"):
        group, _, place = item.rpartition("=")
        role, _, namespace = place.strip().partition("@")
        if not group.strip() or role not in set(Role) or max(len(group), len(namespace)) > _MAXIMUM_STORED:
            raise ImproperlyConfigured(
                f"{name if own else 'ROLE_GROUPS'}: {item!r} is not group=role or group=role@namespace. "
                f"Roles are {', '.join(Role)}."
            )
        given.setdefault(group.strip(), []).append((Role(role), namespace))
    for space in () if own else namespaces:
        for one in space.group_roles:
            given.setdefault(one.group, []).append((one.role, space.name))
    return given


def form_targets(openid: list[dict[str, Any]], saml: list[dict[str, Any]]) -> list[str]:
    """Return the origins that a sign-in form leads to: a browser follows it to no others."""
    addresses = [app["settings"]["server_url"] for app in openid] + [app["settings"]["idp"]["sso_url"] for app in saml]
    extra = [page for app in openid for page in app["settings"]["origins"]]
    return sorted({origin(address) for address in [*addresses, *extra]} - {""})
