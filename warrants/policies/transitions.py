"""The one place where a version's state changes, always under its row lock."""

from __future__ import annotations

from warrants.errors import UnknownVersion, WrongState
from warrants.models import PolicyVersion
from warrants.policies.contracts import NEXT, Act, State


def lock(name: str, number: int) -> PolicyVersion:
    """Return the version, locked until the transaction ends. Raises ``UnknownVersion``."""
    found = PolicyVersion.objects.select_for_update().filter(name=name, number=number).first()
    if found is None:
        raise UnknownVersion(name=name, number=number)
    return found


def require(version: PolicyVersion, act: Act) -> State:
    """Return where ``act`` leads a locked version. Raises ``WrongState``."""
    state = NEXT.get((State(version.state), act))
    if state is None:
        raise WrongState(number=version.number, state=State(version.state), act=act)
    return state


def move(version: PolicyVersion, act: Act) -> None:
    """Bring a locked version where ``act`` leads, and save it. Raises ``WrongState``."""
    version.state = require(version, act)
    version.save()
