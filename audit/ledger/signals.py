"""What the ledger tells the other rooms, and asks them."""

from django.dispatch import Signal

# Sent inside the writing transaction, with ``entry``: the LedgerEntry that was appended, its chain at hand.
entry_appended = Signal()

# Sent before anything of a chain is removed or erased, with ``chain``: its name. Whoever still needs what it holds
# answers with a sentence that says why; everybody else with nothing.
evidence_needed = Signal()

# Sent inside the transaction that erases an attachment, with ``chain``, ``sequence``, ``name`` and ``content``: what
# was in it. Whoever has the same content elsewhere lets go of it.
payload_erased = Signal()

# Sent inside the transaction that removes all that a chain says, with ``chain``: its name. Whoever holds anything of
# it lets go of it.
evidence_removed = Signal()
