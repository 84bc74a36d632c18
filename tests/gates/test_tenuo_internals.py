"""The private names of Tenuo that the gate stands on are where it expects them."""

from __future__ import annotations

import dataclasses

import tenuo
from tenuo.exceptions import TenuoError
from tenuo.temporal import TenuoWorkerInterceptor, tenuo_headers

from tests.gates.conftest import CAPABILITIES, GATES
from tests.gates.people import Keys
from tests.gates.test_worker_safety import plugins
from workers.gates import tenuo_internals
from workers.gates.trusted_roots import public_keys


def test_the_version_is_the_one_that_was_examined() -> None:
    assert tenuo.__version__ == "0.3.3"


def test_a_chain_is_read_from_headers_root_first() -> None:
    keys = Keys()
    warrant = keys.warrant(CAPABILITIES, GATES)
    headers = tenuo_headers(warrant, "agent")
    assert [found.id for found in tenuo_internals.warrant_chain(headers)] == [warrant.id]
    assert tenuo_internals.warrant_chain({}) == []


def test_own_activities_carry_no_warrant() -> None:
    run = {"x-tenuo-warrant": b"bytes"}
    assert tenuo_internals.headers_of_next_activity(run) == run
    with tenuo_internals.without_warrant():
        assert tenuo_internals.headers_of_next_activity(run) == {}
    assert tenuo_internals.headers_of_next_activity(run) == run


def test_decision_codes_are_tenuos() -> None:
    assert tenuo_internals.decision_code("approval_required") == "approval-required"
    assert tenuo_internals.decision_code(None) == "authorization-failed"


def test_roots_are_believed_from_the_next_activity_or_operation_on() -> None:
    """Tenuo makes an authorizer for each from what ``trust`` changes; one that is kept believes the old roots."""
    old, new = Keys(), Keys()
    tenuo_plugin, gate_plugin = plugins(trusted_roots=[old.root])
    config = tenuo_plugin._tenuo_config
    interceptor = next(one for one in tenuo_plugin.interceptors if isinstance(one, TenuoWorkerInterceptor))

    def believes(keys: Keys) -> bool:
        inbound = interceptor.intercept_activity(None)
        try:
            inbound._authorizer.verify_chain([keys.warrant(CAPABILITIES, GATES)])
        except TenuoError:
            return False
        return True

    assert (believes(old), believes(new)) == (True, False)
    tenuo_internals.trust(tenuo_plugin, public_keys([new.root]))
    assert (believes(old), believes(new)) == (False, True)
    # Operations, copies of the configuration and what Tenuo falls back to read these.
    keys = public_keys([new.root])
    for roots in (
        config.trusted_roots,
        config._last_good_trusted_roots,
        dataclasses.replace(config).trusted_roots,
        gate_plugin.revocation.runtime.trusted_roots,
    ):
        assert [root.to_bytes() for root in roots] == [root.to_bytes() for root in keys]
    assert interceptor._config is config
