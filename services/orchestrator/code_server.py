"""The code location's process: Dagster's server, once the runs of the one before are closed."""

import runpy

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

IN_A_PROCESS = [
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
# Dagster's own launcher leaves it with each run that a code location's process executes.
LAUNCHED_HERE = ".dagster/grpc_info"
LOST = "The process of this run ended with the code location that had started it."


def close_lost_runs(instance: DagsterInstance) -> list[str]:
    """Tell the instance of runs that were executed when the code location was killed, and return
    their ids: Dagster would take each for running, and keep its place in the queue, for a day.
    """
    found = instance.get_runs(RunsFilter(statuses=IN_A_PROCESS))
    lost = [run for run in found if LAUNCHED_HERE in run.tags]
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
