"""One timeline from history and ledger: in order, each call with the model's answer that asked for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from audit.statements.kinds import EntryKind
from workers.timeline.contracts import Content, Item, Led, Step, Told


def join(steps: Sequence[Step], told: Sequence[Told], contents: Mapping[int, Content]) -> list[Item]:
    """Return the timeline. ``steps`` are in order of time; ``contents`` are by their position there.

    A call belongs to the last answer that the model of its run gave before the call was scheduled: the workflow could
    not have asked otherwise. What follows from a call (its request, decisions, result) belongs to the same answer.
    """
    by_activity = {(step.run_id, step.activity_id): position for position, step in enumerate(steps)}
    models, items = _models(steps, contents)
    asked_by = _asked_by(steps, models)
    by_request: dict[str, int | None] = {}
    last_gated: dict[str, int | None] = {}
    with_receipts: set[int] = set()
    for entry in told:
        position = by_activity.get((entry.run_id, entry.activity_id)) if entry.activity_id else None
        if entry.line.kind == EntryKind.APPROVAL_REQUESTED:
            # The receipt of the call that was stopped is from before there was a request.
            by_request.setdefault(entry.request_id, last_gated.get(entry.line.tool))
        if position is None:
            items.append(Item(at=entry.at, told=entry, asked_by=by_request.get(entry.request_id)))
            continue
        number = asked_by.get(position)
        if entry.line.kind == EntryKind.CALL_GATED:
            last_gated[entry.line.tool] = number
        # Temporal's clock, on which the model's answers are, puts the call behind the answer that asked for it.
        item = Item(at=steps[position].at, told=entry, asked_by=number)
        if position not in with_receipts:
            item.content = contents.get(position)
        with_receipts.add(position)
        items.append(item)
    items += [
        Item(at=step.at, step=step, asked_by=asked_by.get(position), content=contents.get(position))
        for position, step in enumerate(steps)
        if not step.is_model and position not in with_receipts
    ]
    if steps:
        items.sort(key=_order)
    _link(items)
    return items


def _order(item: Item) -> tuple[bool, datetime, bool]:
    """The chain's first entry comes first whatever the clocks say; a model's answer before what it asked for."""
    is_first = item.told is not None and item.told.line.sequence == 1
    return not is_first, item.at, item.number is None


def _models(steps: Sequence[Step], contents: Mapping[int, Content]) -> tuple[dict[int, int], list[Item]]:
    """Return the numbers of the model's calls by position, and their items."""
    positions = [position for position, step in enumerate(steps) if step.is_model]
    numbers = {position: number for number, position in enumerate(positions, start=1)}
    items = [
        Item(at=steps[position].at, step=steps[position], number=number, content=contents.get(position))
        for position, number in numbers.items()
    ]
    return numbers, items


def _asked_by(steps: Sequence[Step], models: Mapping[int, int]) -> dict[int, int]:
    """Return which model call asked for each other step, by position."""
    found: dict[int, int] = {}
    latest: dict[str, int] = {}
    for position, step in enumerate(steps):
        if step.is_model:
            latest[step.run_id] = models[position]
        elif step.run_id in latest:
            found[position] = latest[step.run_id]
    return found


def _link(items: Sequence[Item]) -> None:
    by_number = {item.number: item for item in items if item.number}
    for item in items:
        is_call = item.step is not None or (item.told is not None and bool(item.told.activity_id))
        if item.number is None and item.asked_by in by_number and is_call:
            title = item.told.line.title if item.told else f"{item.step.name} without a receipt" if item.step else ""
            by_number[item.asked_by].led_to.append(Led(item.anchor, title))
