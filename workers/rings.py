"""The rings of this process: from the database, remembered, and read anew in time for a rotation."""

from __future__ import annotations

from audit.rings.queries import ring_of
from workers.codec.rings import LoadedRings
from workers.database import with_database

process_rings = LoadedRings(with_database(ring_of))
