"""Small sandboxes, and the look that most tests of this folder take at them."""

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig
from tests.support.program import FollowingClock

CONNECTION = "e735894a-e773-4938-969f-45f53957b75b"
LOOK = ("status", "--conn", "orders", "-o", "json")


def a_sandbox(**fields: object) -> Sandbox:
    """Make a sandbox with a connection `orders` whose job 1 runs."""
    sandbox = Sandbox(SandboxConfig.model_validate(fields), clock=FollowingClock())
    script = JobScript(life="running 1000, succeeded")
    sandbox.start_job(sandbox.add_connection("orders", id=CONNECTION, script=script))
    return sandbox
