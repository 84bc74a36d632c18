"""Step 6 for a warrant that an agent handed on: it verifies from its parent, and the entry says what it lost."""

from __future__ import annotations

from audit.statements.attenuating import attenuation_of
from audit.verify.case import Case
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require


def check_attenuated(entry: Entry, case: Case) -> str:
    """Step 6. Raises ``Refused`` unless the entry tells the truth about the child, its parent and its holder."""
    details = entry.details.for_step(Step.WARRANTS)
    chain = case.warrants.verified(details.list_of_data("warrant_chain"))
    require(len(chain.warrants) > 1, Step.WARRANTS, "The entry names no parent of the warrant.")
    try:
        expected = attenuation_of(chain.warrants)
    except ValueError as error:
        raise Refused(Step.WARRANTS, f"What the warrant lost cannot be told: {error}") from error
    for name, value in expected.items():
        said = details.values.get(name)
        same = said == value and type(said) is type(value)
        require(same, Step.WARRANTS, f"The entry says of the warrant's {name.replace('_', ' ')} what it does not.")
    return f"handed on by {expected['parent']} to {expected['holder'].hex()[:8]}…, and verifies from it"
