"""For whom the activity that runs is made: from the warrant of its own dispatch, which this worker verified.

An activity that calls a service with a person's authority asks here, and nowhere else. What a model or a workflow says
of it is worth nothing: the warrant's issuer signed who it is.
"""

from __future__ import annotations

from audit.statements.acting import Acting, acting_of
from audit.statements.statements import MalformedStatement
from workers.gates.dispatches import current_dispatch
from workers.gates.errors import ACTING_FOR_NOBODY, refusal


def acting_for() -> Acting:
    """Return the agent and the person of the activity that runs in this task.

    Raises an ``ApplicationError`` of type ``ACTING_FOR_NOBODY``, which is not retried.
    """
    dispatch = current_dispatch.get()
    if dispatch is None or not dispatch.verified:
        raise refusal("This activity runs without the gate, so that no warrant says for whom.", ACTING_FOR_NOBODY)
    try:
        acting = acting_of(dispatch.verified)
    except MalformedStatement as error:
        raise refusal(str(error), ACTING_FOR_NOBODY) from None
    if acting is None:
        raise refusal(
            "The warrant of this run does not say for whom the agent works, so it can use nobody's authority.",
            ACTING_FOR_NOBODY,
        )
    return acting
