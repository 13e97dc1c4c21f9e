"""Errors of `sandbox` have the same format as those of every command."""

import socket

from tests.support.program import assert_told_well, call


def test_sandbox_on_port_in_use_writes_error_and_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ending = call("sandbox", "--port", port)
    assert_told_well(ending, 2)
    assert ending.lines("error: ")[0].startswith(f"error: cannot listen on 127.0.0.1:{port}")


def test_sandbox_with_invalid_fault_writes_error_and_hint() -> None:
    ending = call("sandbox", "--fault", "nonsense")
    assert_told_well(ending, 2)
    assert "--print-scenario" in ending.lines("hint: ")[0]
