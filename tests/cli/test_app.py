"""The command line as a whole: every ending is told in the same way."""

import socket

from tests.support.program import assert_told_well, call


def test_a_sandbox_on_a_taken_port_is_told_as_everything_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ending = call("sandbox", "--port", port)
    assert_told_well(ending, 2)
    assert ending.lines("error: ")[0].startswith(f"error: cannot listen on 127.0.0.1:{port}")


def test_a_sandbox_with_a_nonsense_fault_is_told_as_everything_else() -> None:
    ending = call("sandbox", "--fault", "nonsense")
    assert_told_well(ending, 2)
    assert "--print-scenario" in ending.lines("hint: ")[0]
