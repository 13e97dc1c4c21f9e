"""Fixtures of all network tests: servers on real sockets, and certificates."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.servers import Stage, open_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as it:
        yield it


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)
