"""A block that an engine executes: its receipts as they become final, and its result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from inspect import GEN_CLOSED, GEN_RUNNING, getgeneratorstate
from typing import Self, TypeVar

from blockstm.engine.supervisor import CANCELLED
from blockstm.errors import EngineError
from blockstm.results.result import Receipt, Result

__all__ = ["Running", "Steps"]

Returned = TypeVar("Returned")

Steps = Generator[Receipt | None, bool, Result]
"""The execution of a block, step by step: yields None before it starts, then each receipt as soon as it is final;
sent True, it goes to the end without the receipts that are left. Returns the result."""


class Running(Iterator[Receipt]):
    """A block in execution, as `Engine.stream` returns it.

    Iterate over it (``for`` or ``async for``) for the receipts in the preset order, each as soon as it is final.
    `result()` waits for the end, and gives receipts, state and figures as `Engine.execute` does; receipts that
    have not been read can be read afterwards. Execution starts when the first receipt is asked for, or the result,
    and goes on while the caller looks at a receipt. Until the end the engine takes no other block: close it, use
    it in a ``with`` or an ``async with`` statement, or forget it, and a block that goes on is stopped.

    Any thread may use it, one at a time; `cancel()` can be called while another waits.

    Under asyncio, what waits does so in a thread of the event loop's default executor, so the loop goes on; what
    programs log is handled there. A task that is cancelled meanwhile ends when no worker is in the block any more.

    Arguments:
        steps: the execution, not started.
        cancellation: what the execution looks at, now and then, to find out that it is cancelled.
        wake: has it look at once.
        committed: how many transactions of the block that the engine executes are final.
    """

    def __init__(
        self,
        steps: Steps,
        cancellation: threading.Event,
        *,
        wake: Callable[[], None],
        committed: Callable[[], int],
    ) -> None:
        """Stand for the execution; starts nothing."""
        self._steps = steps
        self._cancellation = cancellation
        self._wake = wake
        self._committed = committed
        self._turn = threading.RLock()  # held while a thread is at work here
        self._handed_out = 0
        self._cancelling_thread: int | None = None
        self._result: Result | None = None
        next(steps)

    def __iter__(self) -> Self:
        """Return itself: what was read is not read again."""
        return self

    def __next__(self) -> Receipt:
        """Wait for the next receipt.

        Raises:
            as `Engine.execute` does; afterwards there are no more receipts.
        """
        with self._taking_turn():
            receipt = self._step(to_the_end=False) if self._result is None else None
            if receipt is None and self._result is not None and self._handed_out < len(self._result):
                receipt = self._result.receipt_at(self._handed_out)
            if receipt is None:
                if self._result is None and self._cancelling_thread not in (None, threading.get_ident()):
                    raise EngineError(CANCELLED)  # an iteration that just ends would be taken for a whole one
                raise StopIteration
            self._handed_out += 1
            return receipt

    def result(self) -> Result:
        """Wait for the end of the block and return what came of it.

        Raises:
            as `Engine.execute` does; EngineError, too, where the block was closed or cancelled before its end.
        """
        with self._taking_turn():
            if self._result is None:
                self._step(to_the_end=True)
            if self._result is None:
                raise EngineError("the block did not come to its end: it was ended before; execute it again")
            return self._result

    def cancel(self) -> None:
        """Stop the block, whatever thread reads it: there, an EngineError says so; in this one, iteration ends.

        Returns when no worker is in the block any more. Once the block has ended it does nothing.
        """
        self._cancelling_thread = threading.get_ident()
        self._stop()

    def _stop(self) -> None:
        self._request_cancellation()
        with self._turn:
            # It runs where a log handler calls this amid a step; that step then ends by itself.
            if getgeneratorstate(self._steps) != GEN_RUNNING:
                self._steps.close()

    def close(self) -> None:
        """Stop the block if it goes on, and end the iteration. May be called again. A result stays."""
        with self._taking_turn():
            self._steps.close()
            if self._result is not None:
                self._handed_out = len(self._result)

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the `with` statement."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Receipt:
        """Wait for the next receipt without holding up the event loop.

        Raises:
            as `__next__` does.
        """
        if self._has_receipt():
            await self._give_others_a_turn()
            receipt = next(self, None)
        else:
            receipt = await self._in_thread(partial(next, self, None))
        if receipt is None:
            raise StopAsyncIteration
        return receipt

    async def result_async(self) -> Result:
        """Wait for the end of the block without holding up the event loop, and return what came of it.

        Raises:
            as `result` does.
        """
        return await self._in_thread(self.result)

    async def __aenter__(self) -> Self:
        """Return itself; it is closed at the end of the `async with` statement."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close it."""
        await self._in_thread(self.close)

    def __repr__(self) -> str:
        """Say how far it is."""
        if self._result is not None:
            state = "ended"
        elif getgeneratorstate(self._steps) == GEN_CLOSED:
            state = "ended early"
        else:
            state = f"{self._handed_out} receipts read" if self._handed_out else "no receipt read"
        return f"<Running, {state}>"

    @contextmanager
    def _taking_turn(self) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            if self._cancellation.is_set():
                raise EngineError(CANCELLED)
            raise EngineError("another thread waits for this stream; read it in one thread at a time")
        try:
            yield
        finally:
            self._turn.release()

    def _step(self, *, to_the_end: bool) -> Receipt | None:
        """Go on with the execution; return None where it has ended, be it now or before."""
        try:
            return self._steps.send(to_the_end)
        except StopIteration as end:
            self._result = end.value  # None where it was closed, or has failed
            return None

    def _has_receipt(self) -> bool:
        """Tell whether the next receipt can be had without waiting."""
        if self._result is not None:
            return True
        try:
            return bool(self._handed_out) and self._committed() > self._handed_out
        except EngineError:  # it is closed, as `next` will say
            return True

    def _request_cancellation(self) -> None:
        self._cancellation.set()
        self._wake()

    async def _give_others_a_turn(self) -> None:
        """Let the event loop go on, however many receipts are there. If the task is cancelled, cancel the block."""
        import asyncio

        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            # Not `cancel`: it is the task that ends its own iteration, whichever thread reads for it next.
            await self._in_thread(self._stop)
            raise

    async def _in_thread(self, function: Callable[[], Returned]) -> Returned:
        """Call a function in a thread. Where the task is cancelled, cancel the block, and wait for that."""
        import asyncio
        from contextvars import copy_context

        future = asyncio.get_running_loop().run_in_executor(None, copy_context().run, function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._request_cancellation()
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            if not future.cancelled():
                future.exception()  # that the block was cancelled is no news
            raise
