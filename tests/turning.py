"""How long keys are turned over under load: a moment in the suite, as long as wanted with ``make rotation``."""

from __future__ import annotations

import os

RUNS = int(os.environ.get("ROTATION_RUNS", "6"))
SEED = int(os.environ.get("ROTATION_SEED", "20"))
