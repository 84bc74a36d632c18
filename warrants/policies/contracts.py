"""The life of a policy's version. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a version stands. Values are stored; none is ever reused."""

    DRAFT = "draft"  # is being written
    REVIEW = "review"  # waits for a second person
    PUBLISHED = "published"  # is what warrants are minted from
    RETIRED = "retired"  # was published once


class Act(StrEnum):
    """What moves a version on."""

    SAVE = "save"
    PROPOSE = "propose"
    RETURN = "return"
    PUBLISH = "publish"
    RETIRE = "retire"


NEXT: dict[tuple[State, Act], State] = {
    (State.DRAFT, Act.SAVE): State.DRAFT,
    (State.DRAFT, Act.PROPOSE): State.REVIEW,
    (State.REVIEW, Act.RETURN): State.DRAFT,
    (State.REVIEW, Act.PUBLISH): State.PUBLISHED,
    (State.PUBLISHED, Act.RETIRE): State.RETIRED,
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A version as it is stored, for whoever verifies it themselves: nothing of it was verified.

    ``publication`` is the signed envelope, ``endorsements`` are those of the key that signed it.
    """

    name: str
    number: int
    text: str
    publication: bytes
    endorsements: tuple[bytes, ...]
    is_retired: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """What a publisher looks at: a version's text, and the one whose place it takes; "" and 0 for a new policy."""

    name: str
    number: int
    text: str
    replaced_number: int
    replaced_text: str

    def as_json(self) -> dict[str, str | int]:
        return asdict(self)
