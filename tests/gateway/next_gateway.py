"""A gateway that is ready to start, and does when its settings come: ``python -m tests.gateway.next_gateway``.

One line of JSON on standard input has the fields of ``GatewaySettings``. The port is free for a moment only, however
long a busy machine takes to start a process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from workers.gateway.server import GatewaySettings, serve

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    print("ready", flush=True)
    asyncio.run(serve(GatewaySettings(**json.loads(sys.stdin.readline()))))
