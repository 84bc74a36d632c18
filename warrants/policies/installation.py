"""What of a policy does not fit the people and the workers that are here. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from warrants.policies.constraints import Anything
from warrants.policies.gates import texts_of
from warrants.policies.rules import Policy, Tool
from warrants.policies.values import never_matches

_PRODUCTION = "prod"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is known of people and workers; None is not known.

    ``approvers`` are the people, by namespace, whose keys are endorsed and who may approve there; ``fewest_at_once``
    how many of them the thinnest shift has. ``issuers`` and ``agents`` are people who hold such a key, ``authors``
    those who wrote this text. ``decision_seconds`` are the median and the 90th percentile of what people take.
    ``agent_names`` are the agents that exist, and ``meant`` how many people each name among the policy's approvers
    means. ``catalogue`` has the types of each tool's arguments, as workers reported them; "" where they differ. It
    ``is_whole`` unless tools were left out of it, and ``stale_tools`` are those that were not reported lately.
    """

    approvers: Mapping[str, Set[str]] | None = None
    fewest_at_once: Mapping[str, int] | None = None
    issuers: Set[str] | None = None
    agents: Set[str] | None = None
    authors: Set[str] | None = None
    decision_seconds: tuple[float, float] | None = None
    agent_names: Set[str] | None = None
    meant: Mapping[str, int] | None = None
    catalogue: Mapping[str, Mapping[str, str]] | None = None
    is_whole: bool = True
    stale_tools: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """What does not fit; or ``unknown``, what could not be looked at."""

    path: str = ""
    code: str = ""
    sentence: str = ""
    unknown: str = ""


def checks_of_installation(policy: Policy, here: Installation) -> Iterator[Told]:
    """Yield what does not fit."""
    if any(tool.gate for tool in policy.tools.values()):
        yield from _people(policy, here)
        yield from _parties(here)
        yield from _lifetimes(policy, here)
    yield from _names(policy, here)
    yield from _wildcards(policy)
    yield from _catalogue(policy, here)


def _people(policy: Policy, here: Installation) -> Iterator[Told]:
    if here.approvers is None:
        yield Told(unknown="how many people can approve")
        return
    if not any(here.approvers.values()):
        sentence = "Calls stop here for people, and nobody's key is endorsed as an approver's. Nothing can be minted."
        yield Told("min_approvals", "gate_without_approvers", sentence)
        return
    for namespace, people in sorted(here.approvers.items()):
        if len(people) < policy.min_approvals:
            sentence = f"In {namespace} only {_count(len(people))} can approve. Nothing can be minted there."
            yield Told("min_approvals", "quorum_out_of_reach", sentence)
    if here.fewest_at_once is None:
        yield Told(unknown="how many approvers each shift has")
    for namespace, fewest in sorted((here.fewest_at_once or {}).items()):
        if fewest < policy.min_approvals <= len(here.approvers.get(namespace, ())):
            sentence = f"In {namespace} one shift has only {_count(fewest)} who can approve: its requests would wait."
            yield Told("min_approvals", "quorum_out_of_reach_on_a_shift", sentence)


def _parties(here: Installation) -> Iterator[Told]:
    """Look for people who would approve what they had a hand in."""
    approvers = frozenset[str]().union(*(here.approvers or {}).values())
    parties = (
        ("approver_is_issuer", here.issuers, "signs warrants", "whether approvers sign warrants"),
        ("approver_is_agent", here.agents, "holds an agent's key", "whether approvers hold agents' keys"),
        ("approver_is_author", here.authors, "wrote this policy", "whether approvers wrote this"),
    )
    for code, people, deed, unknown in parties:
        if people is None or here.approvers is None:
            yield Told(unknown=unknown)
            continue
        for person in sorted(approvers & people):
            yield Told(
                "", code, f"{person} {deed} and can approve calls under it. Somebody else should do one of both."
            )


def _lifetimes(policy: Policy, here: Installation) -> Iterator[Told]:
    if here.decision_seconds is None:
        yield Told(unknown="how long people take to decide")
        return
    median, most = here.decision_seconds
    for severity, seconds in policy.lifetimes.items():
        if seconds < most:
            part = "half of all decisions" if seconds < median else "one decision in ten"
            sentence = f"This is {seconds} s, and {part} took longer here: requests would expire while people read."
            yield Told(f"lifetimes.{severity}", "lifetime_too_short", sentence)


def _names(policy: Policy, here: Installation) -> Iterator[Told]:
    """Look for agents and approvers whom the policy names and nobody here is."""
    if policy.agents and here.agent_names is None:
        yield Told(unknown="which agents there are")
    for index, name in enumerate(policy.agents):
        if here.agent_names is not None and name not in here.agent_names:
            sentence = "There is no such agent here, so that it holds no warrant. Look for a slip in its name."
            yield Told(f"agents[{index}]", "unknown_agent", sentence)
    if policy.approvers and here.meant is None:
        yield Told(unknown="whom the policy names as approvers")
    for index, name in enumerate(policy.approvers):
        count = here.meant.get(name, 0) if here.meant is not None else 1
        if count != 1:
            people = "nobody here" if count == 0 else f"{count} people"
            sentence = f"This means {people}, so that it lets nobody approve. Name one person by their external id."
            yield Told(f"approvers[{index}]", "unknown_approver", sentence)


def _wildcards(policy: Policy) -> Iterator[Told]:
    for name, tool in policy.tools.items():
        if not _touches_production(tool):
            continue
        for argument, rule in tool.arguments.items():
            if isinstance(rule, Anything):
                sentence = (
                    "This may be anything, on a tool that acts on production. Limit it, if it is more than a remark."
                )
                yield Told(f"tools.{name}.arguments.{argument}", "wildcard_in_production", sentence)


def _touches_production(tool: Tool) -> bool:
    """Whether people are asked about the tool, or one of its arguments names production."""
    named = (text for rule in tool.arguments.values() for text in texts_of(rule) or ())
    return tool.gate is not None or any(_PRODUCTION in text.lower() for text in named)


def _catalogue(policy: Policy, here: Installation) -> Iterator[Told]:
    if here.catalogue is None:
        yield Told(unknown="which tools and arguments workers have")
        return
    for name, tool in policy.tools.items():
        path, parameters = f"tools.{name}", here.catalogue.get(name)
        if ":" in name:
            continue  # another team's operation, which no worker of ours reports
        if parameters is None and not here.is_whole:
            yield Told(unknown=f"whether a worker has {name}, for more tools were reported than are kept")
            continue
        if name in here.stale_tools:
            yield Told(unknown=f"whether a worker still has {name}, which none has reported for a day")
        if parameters is None:
            yield Told(path, "unknown_tool", "No worker has reported this tool. Look for a slip in its name.")
            continue
        for argument in parameters:
            if argument not in tool.arguments:
                sentence = f"The tool takes {argument} too, which is forgotten here: every call with it is refused."
                yield Told(f"{path}.arguments", "argument_forgotten", sentence)
        yield from _arguments(path, tool, parameters)


def _arguments(path: str, tool: Tool, parameters: Mapping[str, str]) -> Iterator[Told]:
    for argument, rule in tool.arguments.items():
        at = f"{path}.arguments.{argument}"
        if argument not in parameters:
            sentence = (
                "The tool takes no such argument, so that every call of it is refused. Look for a slip in its name."
            )
            yield Told(at, "unknown_argument", sentence)
        elif never_matches(rule, parameters[argument]):
            sentence = f"The tool takes {parameters[argument]} here, which this never allows: every call is refused."
            yield Told(at, "never_matches", sentence)


def _count(people: int) -> str:
    return "1 person" if people == 1 else f"{people} people"
