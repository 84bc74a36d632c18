"""The codec needs no Django, no AWS and no token's driver before one of them is used."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.cli.terminal import BASE

_ALONE = """
import sys
for name in ("django", "channels", "allauth", "boto3", "pkcs11"):
    sys.modules[name] = None
import audit.keepers.local, workers.codec.converter, workers.codec.files
from audit.keepers.aws_kms import KmsKeeper
from audit.keepers.pkcs11_token import Pkcs11Keeper, Place
for keeper in (KmsKeeper("key"), Pkcs11Keeper(Place("module", "token", "key"), "pin")):
    try:
        keeper.wrap(b"secret", purpose="test")
    except Exception as error:
        print(error)
"""


def test_it_is_imported_without_them_and_says_how_to_install_what_is_used() -> None:
    done = subprocess.run([sys.executable, "-c", _ALONE], cwd=BASE, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "Keys in AWS KMS need boto3: pip install --require-hashes -r requirements/aws.txt.",
        "Keys in a token need python-pkcs11: pip install --require-hashes -r requirements/pkcs11.txt.",
    ]


def test_its_packages_are_installed_for_agent_teams() -> None:
    packages = tomllib.loads((BASE / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {"audit", "audit.keepers", "workers", "workers.codec"} <= set(packages)
