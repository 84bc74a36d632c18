"""The locks are in step with what they lock, and can be installed from anywhere."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.config.source import ROOT

NAMES = ["base", "pkcs11", "saml", "dev"]
FOLDER = ROOT / "requirements"


def required(name: str) -> dict[str, Requirement]:
    lines = (FOLDER / f"{name}.in").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def locked(name: str) -> dict[str, tuple[str, str]]:
    """Return each locked package's version and the lines beneath it."""
    blocks = re.split(r"\n(?=[a-z0-9])", (FOLDER / f"{name}.txt").read_text())
    found = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\\n]+)(.*)", block, re.DOTALL) for block in blocks]
    return {canonicalize_name(match[1]): (match[2], match[3]) for match in found if match}


@pytest.mark.parametrize("name", NAMES)
def test_every_requirement_is_locked_to_a_version_it_allows(name: str) -> None:
    versions = locked(name)
    for package, requirement in required(name).items():
        assert package in versions
        assert requirement.specifier.contains(versions[package][0]), package


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_holds_nothing_that_is_no_longer_required(name: str) -> None:
    asked_for = f"-r requirements/{name}.in"
    direct = {package for package, (_, rest) in locked(name).items() if asked_for in rest}
    assert direct == set(required(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_locked_package_has_its_hash(name: str) -> None:
    assert all("--hash=sha256:" in rest for _, rest in locked(name).values())


def test_tests_run_with_the_versions_that_a_running_countersign_has() -> None:
    everything = locked("dev")
    assert {package: version for package, (version, _) in locked("base").items()} == {
        package: everything[package][0] for package in locked("base")
    }


@pytest.mark.parametrize("file", [*(f"requirements/{name}.txt" for name in NAMES), "package-lock.json"])
def test_a_lock_names_no_place_to_download_from(file: str) -> None:
    text = (ROOT / file).read_text()
    assert not re.search(r"--(extra-)?index-url|--find-links|\"resolved\"\s*:|files\.|registry\.", text)
