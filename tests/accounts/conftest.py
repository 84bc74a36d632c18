"""The people of the tests: Ada approves, Vera only looks, Oscar has no role, Grace approves too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import Person
from accounts.people.services import create
from accounts.roles.contracts import Role


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada(db: None) -> Person:
    return create(username="ada", display_name="Ada Lovelace", role=Role.APPROVER, created_by="tests")


@pytest.fixture
def grace(db: None) -> Person:
    return create(username="grace", display_name="Grace Hopper", role=Role.APPROVER, created_by="tests")


@pytest.fixture
def vera(db: None) -> Person:
    return create(username="vera", display_name="Vera Rubin", role=Role.VIEWER, created_by="tests")


@pytest.fixture
def oscar(db: None) -> Person:
    return create(username="oscar", display_name="Oscar", role=None, created_by="tests")


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
