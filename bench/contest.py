"""Runs of the contenders on one stack. All must leave the same rows in the target."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from types import TracebackType

from bench import naive_connector
from bench.contenders import foreign_table
from bench.contenders.task import Task
from bench.harness import POLL_S, Action, Harness
from bench.results import Results
from bench.script_process import ScriptProcess
from bench.target_rows import TargetRows, require_same, target_rows
from bench.work import Work

MINUANO, MINUANO_CHANGED = "Minuano", "Minuano, only=changed"
NAIVE, PANDAS, DUCKDB, FDW, FLOOR = (
    "naive script", "pandas, one COPY", "DuckDB", "postgres_fdw", "floor",
)  # fmt: skip
MODULES = {
    NAIVE: "bench.contenders.naive_script",
    PANDAS: "bench.contenders.pandas_copy",
    FDW: "bench.contenders.foreign_table",
    DUCKDB: "bench.contenders.duckdb_statement",
    FLOOR: "bench.contenders.floor",
}
DUCKDB_MODULES = ("duckdb", "duckdb_extension_postgres_scanner")
SCRIPT = "script"
"""The process of the scripts, in the figures."""
WARM_UP = timedelta(hours=1)


class Contest:
    """Use it as a context manager: it starts the process of the scripts."""

    def __init__(self, harness: Harness, results: Results) -> None:
        self.harness, self.results = harness, results
        self._first_rows: dict[str, TargetRows] = {}
        self._compared: set[tuple[str, str]] = set()
        self._warm: set[str] = set()
        self._connector_url = ""

    def __enter__(self) -> "Contest":
        self._scripts = ScriptProcess()
        try:
            superuser_url = self.harness.stack.postgres.url("target")
            foreign_table.set_up(superuser_url, self.harness.addresses.source_url)
        except foreign_table.NOT_AVAILABLE as error:
            self.results.left_out[FDW] = str(error).strip()
        if missing := first_missing(DUCKDB_MODULES):
            self.results.left_out[DUCKDB] = f"the module {missing} is not installed"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._scripts.close()

    def prepare(self, work: Work, contenders: tuple[str, ...]) -> None:
        """Let Minuano create the signals, and run each script once: the first run of a process is
        slower.
        """
        self.harness.run_job(replace(work, days=1).request(self.harness.source))
        if NAIVE in contenders and not self._connector_url:
            self._connector_url = naive_connector.start(self.harness.stack)
        task = self._task(work)
        for name in contenders:
            if name in MODULES and name not in {*self.results.left_out, *self._warm}:
                self.harness.empty()
                self._scripts.run(MODULES[name], replace(task, end=task.start + WARM_UP))
                self._warm.add(name)

    def run(self, workload: str, contender: str, work: Work, *, empty: bool = True) -> None:
        """Measure a run, and add it to the results. Raises `MinuanoError` if the contender leaves
        other rows in the target than the first one of the workload.
        """
        if contender in self.results.left_out:
            return
        if empty:
            self.harness.empty()
        self.harness.on_step(f"{workload}: {contender}")
        run = self.harness.measure(
            workload, contender, work.rows, self.action(contender, work),
            pids=self._pids(contender),
        )  # fmt: skip
        self.results.runs.append(replace(run, slices=work.slices))
        if (workload, contender) not in self._compared:
            self._compared.add((workload, contender))
            rows = target_rows(self.harness.stack.postgres.url("target"))
            require_same(contender, rows, self._first_rows.setdefault(workload, rows))

    def action(self, contender: str, work: Work, *, poll_s: float = POLL_S) -> Action:
        """What the contender does; a job is polled every `poll_s`."""
        if contender in MODULES:
            return partial(self._scripts.run, MODULES[contender], self._task(work))
        request = work.request(self.harness.source)
        if contender == MINUANO_CHANGED:
            request["only"] = "changed"
        return partial(self.harness.run_job, request, poll_s=poll_s)

    def knows_only_changed(self) -> bool:
        """Whether jobs can skip slices that did not change."""
        schemas = self.harness.get("/openapi.json")["components"]["schemas"]
        return "only" in schemas["JobRequest"]["properties"]

    def _task(self, work: Work) -> Task:
        addresses = self.harness.addresses
        return Task(
            source_url=addresses.source_url, target_url=addresses.target_url,
            connector_url=self._connector_url, start=work.start, end=work.end,
            variables=work.variables,
        )  # fmt: skip

    def _pids(self, contender: str) -> dict[str, int]:
        """The processes that work for the contender."""
        pids = self.harness.pids()
        connector = {naive_connector.NAME: pids.pop(naive_connector.NAME, 0)}
        if contender not in MODULES:
            return pids
        script = {SCRIPT: self._scripts.pid, "PostgreSQL": pids["PostgreSQL"]}
        return script | connector if contender == NAIVE else script


def first_missing(modules: Iterable[str]) -> str | None:
    """The first of these modules that is not installed."""
    return next((name for name in modules if find_spec(name) is None), None)
