"""What holds for every test."""

import signal

from hypothesis import settings

settings.register_profile("without deadline", deadline=None)  # a busy machine fails no test
settings.load_profile("without deadline")


def pytest_configure() -> None:
    """Take back what the launcher ignores: SIGINT and SIGQUIT in the background, SIGHUP by nohup.

    The processes that a test starts would inherit that: ours respects it, so a test that sends
    one would wait for ever.
    """
    for number in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
