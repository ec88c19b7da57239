"""An event loop with virtual time: waiting for a minute takes no real time."""

import asyncio
import selectors


class _Selector(selectors.DefaultSelector):
    """Returns at once and adds the timeout to the virtual time."""

    elapsed = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        assert timeout is not None, "deadlock: no timeout and nothing ready"
        self.elapsed += max(timeout, 1e-6)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self):
        return self._virtual.elapsed


def run(coroutine):
    """Run a coroutine as ``asyncio.run`` does, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
