"""What every test of the network needs: a stage for servers, and certificates."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Stage, open_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as it:
        yield it
