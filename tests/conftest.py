"""What holds for every test."""

import signal

from hypothesis import settings

settings.register_profile("without deadline", deadline=None)  # a busy machine fails no test
settings.load_profile("without deadline")


def pytest_configure() -> None:
    """Hear SIGINT even where a shell has started the tests in the background.

    It lets such jobs ignore SIGINT, and the processes that a test starts would inherit that:
    ours respects it, so a test that sends one would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
