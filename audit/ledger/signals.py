"""What the ledger tells the other rooms."""

from django.dispatch import Signal

# Sent inside the writing transaction, with ``entry``: the LedgerEntry that was appended, its chain at hand.
entry_appended = Signal()
