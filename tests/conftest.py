"""For all tests."""

import signal


def pytest_configure() -> None:
    """Interrupts are heard, by the programs that tests start too: what runs in the background, as CI may, is born deaf to them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
