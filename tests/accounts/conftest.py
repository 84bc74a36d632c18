"""The people of the tests: Ada approves, Vera only looks, Oscar has no role, Grace approves too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import Person
from accounts.roles.contracts import Role
from tests import people


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada(db: None) -> Person:
    return people.person("ada", Role.APPROVER, display_name="Ada Lovelace")


@pytest.fixture
def grace(db: None) -> Person:
    return people.person("grace", Role.APPROVER, display_name="Grace Hopper")


@pytest.fixture
def vera(db: None) -> Person:
    return people.person("vera", Role.VIEWER, display_name="Vera Rubin")


@pytest.fixture
def oscar(db: None) -> Person:
    return people.person("oscar", display_name="Oscar")


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def ada_client(ada: Person) -> Client:
    return signed_in(ada)


@pytest.fixture
def grace_client(grace: Person) -> Client:
    return signed_in(grace)
