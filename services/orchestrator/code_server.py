"""The process of the code location: it closes lost runs, then starts Dagster's server."""

import runpy

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

WITH_PROCESS = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
# Dagster's default launcher sets this tag on each run that a code location executes.
LAUNCHED_TAG = ".dagster/grpc_info"
LOST = "The process of this run ended together with the code location that started it."


def close_lost_runs(instance: DagsterInstance) -> list[str]:
    """Report the runs that were executed when the code location was killed as failed or cancelled,
    and return their ids. Dagster would show each as running, and keep its slot in the queue, for a
    day.
    """
    runs = instance.get_runs(RunsFilter(statuses=WITH_PROCESS))
    lost = [run for run in runs if LAUNCHED_TAG in run.tags]
    for run in lost:
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message=LOST)
        else:
            instance.report_run_failed(run, message=LOST)
    return [run.run_id for run in lost]


def main() -> None:
    with DagsterInstance.get() as instance:
        close_lost_runs(instance)
    runpy.run_module("dagster", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
