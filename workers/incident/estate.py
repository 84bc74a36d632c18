"""A simulated estate: services with logs, metrics and a deploy history, and what was done to them.

The only state is an append-only file of what tools did. Logs and metrics follow from it, so a
restart really clears the leak. Each incident has an estate of its own (its ``world``), so that the
same story can be told again; effects of all of them stand in the one file and can be counted.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workers.incident.stories import SERVICES, Service

Scalar = str | int | float | bool


class EstateError(Exception):
    """Something the estate cannot do, as a sentence."""


@dataclass(frozen=True)
class Effect:
    """One execution of a tool that changes things. ``dispatch`` names the activity and attempt that did it."""

    at_ms: int
    world: str
    dispatch: str
    tool: str
    arguments: dict[str, Scalar]


class Estate:
    """The estate whose effects are kept in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "effects.jsonl"

    def read_logs(self, *, world: str, service: str, minutes: int) -> str:
        """Return the log lines of the last ``minutes`` (1 to 1,440), oldest first."""
        if not 1 <= minutes <= 1440:
            raise EstateError("minutes must be between 1 and 1440.")
        subject = _service(service)
        now = datetime.now(UTC)
        lines = [
            f"{(now - timedelta(minutes=line.minutes_ago)).strftime('%Y-%m-%dT%H:%M:%SZ')} {line.level} {line.text}"
            for line in subject.logs
            if line.minutes_ago <= minutes
        ]
        if self._restarted(world, service):
            lines.append(f"{now.strftime('%Y-%m-%dT%H:%M:%SZ')} INFO  restarted; {subject.after_restart}")
        return "\n".join(lines) or "No log lines."

    def read_metrics(self, *, world: str, service: str, metric: str) -> str:
        """Return a metric of the last 30 minutes: one value per 5 minutes, newest last."""
        known = _service(service).metrics
        if metric not in known:
            raise EstateError(f"{service} has no metric {metric!r}. It has: {', '.join(known)}.")
        series = known[metric]
        values = [*series.values[1:], series.recovered] if self._restarted(world, service) else series.values
        return f"{metric} of {service} ({series.unit}), every 5 minutes, newest last: {' '.join(values)}"

    def restart_service(self, *, world: str, dispatch: str, service: str, environment: str) -> str:
        _running(service, environment)
        self._record(world, dispatch, "restart_service", service=service, environment=environment)
        return f"{service} was restarted in {environment}: all instances are up and pass their health checks."

    def scale_service(self, *, world: str, dispatch: str, service: str, environment: str, replicas: int) -> str:
        _running(service, environment)
        if not 1 <= replicas <= 50:
            raise EstateError("replicas must be between 1 and 50.")
        self._record(world, dispatch, "scale_service", service=service, environment=environment, replicas=replicas)
        return f"{service} now runs {replicas} instances in {environment}."

    def post_status(self, *, world: str, dispatch: str, channel: str, text: str) -> str:
        self._record(world, dispatch, "post_status", channel=channel, text=text)
        return f"Posted to {channel}."

    def escalate(self, *, world: str, dispatch: str, severity: str, summary: str) -> str:
        self._record(world, dispatch, "escalate", severity=severity, summary=summary)
        return f"Escalated with severity {severity}."

    def delete_database(self, *, world: str, dispatch: str, name: str) -> str:
        self._record(world, dispatch, "delete_database", name=name)
        return f"The database {name} was deleted."

    def modify_iam(self, *, world: str, dispatch: str, principal: str, role: str) -> str:
        self._record(world, dispatch, "modify_iam", principal=principal, role=role)
        return f"{principal} now has the role {role}."

    def effects(self, *, world: str | None = None, tool: str | None = None) -> list[Effect]:
        """Return what was done, oldest first: everywhere or in one world, by every tool or one."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        found = [Effect(**json.loads(line)) for line in text.splitlines()]
        return [
            effect
            for effect in found
            if (world is None or effect.world == world) and (tool is None or effect.tool == tool)
        ]

    def _restarted(self, world: str, service: str) -> bool:
        return any(
            effect.arguments["service"] == service for effect in self.effects(world=world, tool="restart_service")
        )

    def _record(self, world: str, dispatch: str, tool: str, **arguments: Scalar) -> None:
        effect = Effect(int(time.time() * 1000), world, dispatch, tool, arguments)
        line = (json.dumps(asdict(effect)) + "\n").encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One append of one short line is atomic: several workers may share the file.
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)


def _service(name: str) -> Service:
    try:
        return SERVICES[name]
    except KeyError:
        raise EstateError(f"There is no service {name!r}. There are: {', '.join(SERVICES)}.") from None


def _running(name: str, environment: str) -> None:
    """Refuse an environment the service does not run in: what was approved is what happens."""
    service = _service(name)
    if environment != service.environment:
        raise EstateError(f"{name} runs in {service.environment}, not in {environment!r}.")
