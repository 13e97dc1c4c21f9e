"""What tests of the whole program need: a stage for servers."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Stage, open_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as it:
        yield it
