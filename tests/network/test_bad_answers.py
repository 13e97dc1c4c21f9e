"""Whatever a network does: the right code, one error, one hint, no traceback."""

import pytest

from tests.support.program import assert_told_well, call
from tests.support.servers import Stage
from tests.support.worlds import LOOK, a_sandbox


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("status", "--conn", "nobody"), 7),
        (("run", "--conn", "nobody"), 7),
        (("wait", "77"), 7),
        (("cancel", "--conn", "nobody"), 7),
    ],
)
def test_an_error_in_mid_work_is_no_bug(stage: Stage, argv: tuple[str, ...], code: int) -> None:
    assert_told_well(call(*argv, AIRBYTE_URL=stage.sandbox(a_sandbox())), code)


def test_an_error_of_the_first_request_is_no_bug(stage: Stage) -> None:
    """With `--api` nothing is asked before the command's own work."""
    sandbox = a_sandbox(auth="client-credentials")
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 6)
