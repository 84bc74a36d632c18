"""The demo's environment: safe on one's own machine, made once, kept in ``var/demo.env``.

Read before the settings. Whatever the real environment says wins, and an installation that has
been given its own ``SECRET_KEY`` never reads this.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

# The namespaces of `demo --payment`, below the directory of manage.py.
PAYMENT_NAMESPACES = "workers/demo/payment-namespaces.yaml"
_FILE = "demo.env"
_SECRET_KEY = "secret-key"  # noqa: S105
_KEY_ENCRYPTION_KEY = "key-encryption-key"
_DEFAULTS = {"LOCAL_ACCOUNTS": "true", "LOG_LEVEL": "WARNING"}


def prepare(base: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Make the demo's secrets if there are none yet, and set what the demo needs."""
    data = _data_directory(base, environment)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_once(data / _SECRET_KEY, secrets.token_urlsafe(48))
    _write_once(data / _KEY_ENCRYPTION_KEY, base64.b64encode(secrets.token_bytes(32)).decode())
    _write_once(data / _FILE, "".join(f"{name}={value}\n" for name, value in _DEFAULTS.items()) + _webhook_secret())
    _apply(data, environment)


def load(base: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what ``prepare`` wrote, if it did and if this installation has no configuration of its own."""
    data = _data_directory(base, environment)
    is_configured = environment.get("SECRET_KEY") or environment.get("SECRET_KEY_FILE")
    if not is_configured and (data / _FILE).exists():
        _apply(data, environment)


def _apply(data: Path, environment: MutableMapping[str, str]) -> None:
    for line in (data / _FILE).read_text().splitlines():
        name, _, value = line.partition("=")
        environment.setdefault(name, value)
    for name, file in (("SECRET_KEY", _SECRET_KEY), ("KEY_ENCRYPTION_KEY", _KEY_ENCRYPTION_KEY)):
        if not environment.get(name):
            environment.setdefault(f"{name}_FILE", str(data / file))


def _webhook_secret() -> str:
    return f"ALERT_WEBHOOK_SECRETS={secrets.token_urlsafe(24)}\n"


def _data_directory(base: Path, environment: MutableMapping[str, str]) -> Path:
    return Path(environment.get("DATA_DIR") or base / "var")


def _write_once(path: Path, content: str) -> None:
    """Write a file that only its owner can read, unless it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
