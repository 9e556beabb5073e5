"""Ends an answer that runs too long, where the platform has a timer signal."""

import random
import signal
import threading
from pathlib import Path
from types import FrameType

from helpers.checks.verdicts import TimeOver

MOMENT = 0.05  # seconds
_OURS = str(Path(__file__).parent)


class Alarm:
    """Raises ``TimeOver`` in the answer after some seconds, again and again until it ends.

    One ring is not enough: ``while True: try: ... except: pass`` swallows it. An answer that still
    runs a moment after the first ring hears more of them after short, irregular times, so that
    one falls outside the ``try``. On Windows and in other threads than the main one there is no
    such timer, and no limit.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._running = False
        self._rang = False
        self._pause = random.Random(0)

    def start(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        if not (main and hasattr(signal, "setitimer")):
            return
        self._running = True
        self._before = signal.signal(signal.SIGALRM, self._ring)
        self._timer = signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if not self._running:
            return
        if self._rang and frame is not None and frame.f_code.co_filename.startswith(_OURS):
            return  # the answer has ended, and the check is about to stop the timer
        first, self._rang = not self._rang, True
        over = TimeOver(
            f"It did not finish within {self._seconds:g} seconds. Is there an endless loop?"
        )
        # From 5 to 50 microseconds, which hits the answer's own ``except`` block now and
        # then; every millisecond should that be lost.
        pause = MOMENT if first else 10 ** self._pause.uniform(-5.3, -4.3)
        signal.setitimer(signal.ITIMER_REAL, pause, 1e-3)
        raise over

    def stop(self) -> None:
        """Ends the timer; may be called again."""
        if self._running:
            self._running = False
            signal.setitimer(signal.ITIMER_REAL, *self._timer)
            signal.signal(signal.SIGALRM, self._before)
