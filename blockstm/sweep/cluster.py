"""Doing runs on a Dask cluster: one of processes of this machine, or an existing one. Needs the extra `sweep`.

Virtual runs are done in parallel. Those under the real clock are done one at a time, all by one worker, so that
they do not disturb each other and all meet the same machine.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from multiprocessing import resource_tracker
from typing import Any, Final, Self

from distributed import CancelledError, Client, KilledWorker, LocalCluster, wait

from blockstm.errors import BlockstmError, SweepError, install_extra, shown
from blockstm.processes.interpreter import interrupts_held
from blockstm.sweep.execution import execute
from blockstm.sweep.points import Run
from blockstm.sweep.rows import Row

__all__ = ["Cluster", "batches"]

BATCH_COST_MAX: Final = 500_000
"""Of a task with several virtual runs, in the unit of `Run.cost`: a second or two."""
TASKS_PER_THREAD: Final = 2
"""One that runs, and one that waits."""
CONNECT_SECONDS: Final = 20
WORKERS_SECONDS: Final = 60
LOOK_SECONDS: Final = 5
SAFE_PATH: Final = "PYTHONSAFEPATH"


class Cluster:
    """Does runs on a Dask cluster; a context manager, which leaves a cluster that was there before as it was.

    Arguments:
        address: of the scheduler of an existing cluster; None for one of this machine.
        processes: how many processes that has.
        memory_limit_bytes: the most memory of a run's arena.

    Raises:
        SweepError: on entering: nothing answers at the address, or it has no workers.
    """

    def __init__(self, address: str | None, processes: int, memory_limit_bytes: int) -> None:
        """Keep the arguments; starts nothing yet."""
        self._address = address
        self._processes = processes
        self._memory_limit_bytes = memory_limit_bytes
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the processes, or connect."""
        with ExitStack() as stack:
            stack.enter_context(safe_path())
            self._enter(stack)
            self._stack = stack.pop_all()
        return self

    def _enter(self, stack: ExitStack) -> None:
        # Starting this helper of multiprocessing lets interrupts through again, so it comes before they are held.
        resource_tracker.ensure_running()
        # Ctrl-C is for this process alone: those of the cluster, which a terminal tells as well, end with it.
        with interrupts_held():
            if self._address is None:
                self._client = stack.enter_context(Client(stack.enter_context(self._local())))
            else:
                self._client = stack.enter_context(self._connected(self._address))

    def __exit__(self, *exception: object) -> None:
        """End the processes, or disconnect."""
        self._stack.close()

    def rows(self, runs: Sequence[Run]) -> Iterator[Sequence[Row]]:
        """Do runs as an `Executor` does."""
        if not runs:
            return
        threads: dict[str, int] = self._client.nthreads()
        options: dict[str, Any] = {"pure": False}
        tasks = sum(threads.values()) * TASKS_PER_THREAD
        chosen = min(threads)
        if runs[0].clock == "real":
            options |= {"workers": [chosen], "allow_other_workers": False}
            tasks = 1
        waiting = batches(runs)
        pending: set[Any] = set()
        try:
            while True:
                while len(pending) < tasks and (batch := next(waiting, None)) is not None:
                    pending.add(self._client.submit(_rows_of, batch, self._memory_limit_bytes, **options))
                if not pending:
                    return
                for future in self._finished(pending, chosen if "workers" in options else None):
                    pending.discard(future)
                    yield self._result(future)
        finally:
            self._client.cancel(list(pending), force=True)

    def _local(self) -> LocalCluster:
        return LocalCluster(
            n_workers=self._processes,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # any port: its own may be another cluster's
            memory_limit=None,  # the runs have a limit of their own
            silence_logs=logging.CRITICAL,
        )

    def _connected(self, address: str) -> Client:
        try:
            client = Client(address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError, ImportError) as error:
            raise SweepError(
                f"--scheduler {shown(address)}: nothing answers as a Dask scheduler ({error}); "
                "give its address, as in tcp://127.0.0.1:8786"
            ) from error
        try:
            client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except TimeoutError:
            client.close()
            raise SweepError(
                f"--scheduler {shown(address)}: it has no workers; start some with: dask worker {address}"
            ) from None
        return client

    def _finished(self, pending: set[Any], needed: str | None) -> set[Any]:
        """Wait until some futures are done, and return them.

        Arguments:
            pending: the futures.
            needed: the worker without which none of them will ever be done.
        """
        while True:
            try:
                done: set[Any] = wait(pending, timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED").done
            except CancelledError as error:
                raise self._lost(error) from error
            except TimeoutError:
                if needed is not None and needed not in self._client.nthreads():
                    raise SweepError(f"the worker {needed} went away; give the same command again") from None
            else:
                return done

    def _result(self, future: Any) -> Sequence[Row]:
        try:
            rows: Sequence[Row] = future.result()
        except BlockstmError:
            raise
        except KilledWorker as error:
            raise SweepError(
                "several workers died of the same runs, perhaps for lack of memory; "
                "use fewer at a time (--workers), and give the same command again"
            ) from error
        except ModuleNotFoundError as error:
            raise SweepError(
                f"a worker of the cluster lacks {error.name}; there, {install_extra('sweep')}, of the same version"
            ) from error
        except (OSError, CancelledError) as error:
            raise self._lost(error) from error
        return rows

    def _lost(self, error: BaseException) -> SweepError:
        return SweepError(
            f"the cluster was lost ({type(error).__name__}: {error}); give the same command again"
        )


@contextmanager
def safe_path() -> Iterator[None]:
    """Have interpreters that multiprocessing starts not look for modules in the current folder.

    They are started with -c, and would take the first modules that they import from there.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SAFE_PATH, None)
        else:
            os.environ[SAFE_PATH] = before


def batches(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Cut runs into tasks: each has runs of one block, and under the virtual clock not too many of them."""
    for _, group in groupby(runs, key=lambda run: run.source):
        batch: list[Run] = []
        for run in group:
            if (
                batch
                and run.clock == "virtual"
                and sum(each.cost for each in batch) + run.cost > BATCH_COST_MAX
            ):
                yield batch
                batch = []
            batch.append(run)
        yield batch


def _rows_of(runs: Sequence[Run], memory_limit_bytes: int) -> list[Row]:
    """Do runs; this is what a worker of the cluster is asked for."""
    return list(execute(runs, memory_limit_bytes))
