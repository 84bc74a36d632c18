"""What a call would come to under a policy. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a worker would do with a call."""

    ALLOWED = "allowed"  # it runs, and nobody is asked
    GATED = "gated"  # it waits for people
    DENIED = "denied"  # it never runs, and nobody is asked


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, for one argument or the whole call. ``rule`` is the YAML that decides, from ``line`` on; 0 for none."""

    sentence: str
    argument: str = ""
    line: int = 0
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``code`` is Tenuo's own word for a call that does not run, or the worker's; empty for one that does.

    ``message`` is the gate's, and ``people`` how many must approve; empty and 0 for a call that asks nobody.
    """

    tool: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    code: str = ""
    message: str = ""
    people: int = 0

    @property
    def sentence(self) -> str:
        """The answer as one sentence."""
        if self.outcome is Outcome.ALLOWED:
            return f"{self.tool} would run. Nobody is asked."
        if self.outcome is Outcome.DENIED:
            return f"{self.tool} would be refused. Nobody is asked."
        who = "a person approves" if self.people == 1 else f"{self.people} people approve"
        return f"{self.tool} would stop until {who}."
