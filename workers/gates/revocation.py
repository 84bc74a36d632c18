"""Revocation that takes effect on a live worker, with the next activity.

Tenuo's own ``revocation_list_provider`` is asked once, when the worker starts. So the list is
given to a Tenuo ``Runtime``, which every authorisation reads anew.
"""

from __future__ import annotations

import tenuo_core
from tenuo.identity import HolderIdentity
from tenuo.runtime import Runtime

from workers.gates.trusted_roots import TrustedRoots, public_keys


class RevocationRefused(ValueError):
    """A revocation list that must not be installed; the message says why."""


class Revocation:
    """The newest signed revocation list this worker knows. A list counts only if a root trusted now signed it."""

    def __init__(self, trusted_roots: TrustedRoots) -> None:
        self._roots = trusted_roots
        # The runtime signs nothing here; Tenuo wants an identity, so it gets one of its own.
        self.runtime = Runtime(HolderIdentity.generate(), public_keys(trusted_roots.keys))

    @property
    def version(self) -> int:
        """The installed list's version, 0 before the first."""
        installed = self.runtime.revocation_list
        return int(installed.version) if installed is not None else 0

    def apply(self, data: bytes) -> bool:
        """Install the list in ``data`` and return True; return False if that version is installed already.

        Raises ``RevocationRefused`` for bytes that are no list, for a signature that is not a trusted
        root's, and for an older list, which would bring revoked warrants back.
        """
        try:
            offered = tenuo_core.SignedRevocationList.from_bytes(data)
        except Exception as error:
            raise RevocationRefused("The revocation list cannot be read.") from error
        if not any(self._signed_by(offered, root) for root in public_keys(self._roots.keys)):
            raise RevocationRefused("The revocation list is not signed by a trusted root.")
        if offered.version == self.version:
            return False
        if offered.version < self.version:
            raise RevocationRefused(
                f"The revocation list has version {offered.version}, older than the installed {self.version}."
            )
        self.runtime.apply_revocation_list(offered)
        return True

    @staticmethod
    def _signed_by(offered: tenuo_core.SignedRevocationList, root: tenuo_core.PublicKey) -> bool:
        try:
            return offered.verify(root) is not False
        except Exception:
            return False
