"""Hooks and fixtures of all tests."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.certificates import Certificates, make_certificates
from tests.support.servers import Stage, open_stage

settings.register_profile("without deadline", deadline=None)  # a busy machine fails no test
settings.load_profile("without deadline")


def pytest_configure() -> None:
    """Reset ignored signals: SIGINT and SIGQUIT of a background job, SIGHUP of nohup.

    Processes started by a test would inherit that, and ours respects it: a test that sends such
    a signal would hang.
    """
    for number in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Run servers on real sockets in a thread until the end of the test."""
    with open_stage() as it:
        yield it


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Make a private CA for servers with TLS."""
    return make_certificates(tmp_path)
