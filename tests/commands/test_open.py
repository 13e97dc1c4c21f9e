"""`open`: the link is always printed, and opened only for a person at a terminal."""

from airbyte_sync_cli.sandbox import Sandbox
from tests.support.program import Outside, call, call_in, call_on_terminal
from tests.support.servers import Stage


def a_sandbox() -> Sandbox:
    sandbox = Sandbox()
    sandbox.add_connection("orders")
    return sandbox


def test_connection_prints_the_link_to_its_page(stage: Stage) -> None:
    sandbox = a_sandbox()
    ending = call("open", "--conn", "orders", AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    assert ending.stdout.rstrip().endswith(f"/connections/{sandbox.connections[0].id}")


def test_job_prints_the_link_to_its_log(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox())
    job = call("trigger", "--conn", "orders", "-o", "id", AIRBYTE_URL=url).stdout.strip()
    ending = call("open", job, AIRBYTE_URL=url)
    assert ending.stdout.rstrip().endswith(f"timeline?openLogs=true&jobId={job}")


def test_job_and_connection_at_once_is_a_usage_error(stage: Stage) -> None:
    ending = call("open", "1", "--conn", "orders", AIRBYTE_URL=stage.sandbox(a_sandbox()))
    assert ending.code == 2


def test_terminal_opens_the_browser(stage: Stage) -> None:
    opened: list[str] = []
    outside = Outside(open_browser=opened.append)
    ending = call_on_terminal(
        outside, "open", "--conn", "orders", AIRBYTE_URL=stage.sandbox(a_sandbox())
    )
    assert (ending.code, opened) == (0, [ending.stdout.strip()])


def test_pipe_opens_no_browser(stage: Stage) -> None:
    opened: list[str] = []
    outside = Outside(open_browser=opened.append)
    url = stage.sandbox(a_sandbox())
    assert call_in(outside, "open", "--conn", "orders", AIRBYTE_URL=url).code == 0
    assert opened == []
