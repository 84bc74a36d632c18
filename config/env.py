"""Typed readers of environment variables. Settings are read once, here and in ``config.settings``."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """Return the variable's text. Without a default the variable is required."""
    value = os.environ.get(name)
    if value is None or value == "":
        if default is None:
            raise ImproperlyConfigured(f"Set the environment variable {name}.")
        return default
    return value


def boolean(name: str, default: bool) -> bool:
    value = text(name, str(default)).strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if number < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {number}.")
    if maximum is not None and number > maximum:
        raise ImproperlyConfigured(f"{name} must be at most {maximum}, not {number}.")
    return number


def web_address(name: str, default: str) -> str:
    """Return an http or https address with a host, and a port that is one."""
    value = text(name, default)
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ImproperlyConfigured(f"{name} must be an address such as https://temporal.example.com, not {value!r}.")
    return value


def stream_target(name: str) -> str:
    """Return an absolute path, or an https address; http is for this machine alone. Empty if it is not set."""
    value = text(name, "")
    if not value or (value.startswith("/") and not value.endswith("/")):
        return value
    try:
        parts = urlsplit(value)
        is_address = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        )
    except ValueError:
        is_address = is_safe = False
    if not (is_address and is_safe):
        # Its text is not quoted: an address may hold a secret.
        raise ImproperlyConfigured(
            f"{name} must be the absolute path of a file, or an https address without a username "
            "(http only to this machine)."
        )
    return value


def names(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list, without empty items."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(choices)}, not {value!r}.")
    return value


def pairs(name: str) -> dict[str, str]:
    """Return a comma-separated list of ``key=value``, by key, in its order."""
    found: dict[str, str] = {}
    for item in names(name):
        key, sign, value = (part.strip() for part in item.partition("="))
        if not (sign and key and value) or key in found:
            raise ImproperlyConfigured(f"{name} must hold pairs such as name=value, each name once, not {item!r}.")
        found[key] = value
    return found


def by_namespace(name: str, default: str, choices: tuple[str, ...]) -> dict[str, str]:
    """Return a choice for each namespace: ``choice`` alone (for all others, under ""), or ``namespace=choice``."""
    chosen = {"": default}
    for item in names(name):
        namespace, is_for_one, choice = item.rpartition("=")
        if choice not in choices or (is_for_one and not namespace):
            raise ImproperlyConfigured(
                f"{name} must be {' or '.join(choices)}, for one namespace NAMESPACE=CHOICE, not {item!r}."
            )
        chosen[namespace] = choice
    return chosen


def public_keys(name: str) -> list[bytes]:
    """Return a comma-separated list of 32-byte public keys in hexadecimal."""
    keys = names(name)
    for key in keys:
        if len(key) != 64 or not all(digit in "0123456789abcdefABCDEF" for digit in key):
            raise ImproperlyConfigured(f"{name} must hold 32-byte keys as 64 hexadecimal digits each, not {key!r}.")
    return [bytes.fromhex(key) for key in keys]


def secret(name: str) -> str:
    """Return a secret from the variable, or from the file that ``NAME_FILE`` names; empty if neither is set."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error.strerror}.") from None
    return text(name, "")
