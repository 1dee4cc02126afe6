"""Which sources the benchmark needs, and what the contenders do with them."""

from datetime import timedelta

from bench.plan import START, Plan, Source, Workload, part
from bench.source_table import variables
from bench.work import Work


def test_every_workload_runs_once() -> None:
    for plan in (Plan(), Plan.quick(), Plan.tiny()):
        workloads = [workload for _, own in plan.stacks() for workload in own]
        assert sorted(workloads) == sorted(Workload)


def test_only_the_sources_of_the_chosen_workloads_are_made() -> None:
    [(source, workloads)] = Plan().stacks([Workload.LATENCY])
    assert source == Source(parts=(part(days=365),))
    assert workloads == [Workload.LATENCY]


def test_the_parts_of_one_source_have_different_days() -> None:
    [(source, _)] = Plan.tiny().stacks()
    days = [part.start + timedelta(days=n) for part in source.parts for n in range(part.days)]
    assert days == [START + timedelta(days=n) for n in range(source.days)]


def test_a_job_of_all_turbines_names_none_and_others_name_theirs() -> None:
    work = Work(part=part(days=3, assets=2), days=2, first=1)
    assert work.request(Source(parts=(part(assets=2),))) == {
        "start": "2021-01-02", "end": "2021-01-03", "variables": ["wind_speed", "power"],
    }  # fmt: skip
    assert work.request(Source(parts=(part(assets=5),)))["assets"] == ["T01", "T02"]


def test_work_is_counted_in_samples_and_slices() -> None:
    work = Work.all_of(part(days=3, assets=2, period_s=30))
    assert (work.slices, work.rows) == (6, 6 * 2_880)


def test_variables_beyond_those_of_the_generator_are_numbered() -> None:
    assert variables(2) == ("wind_speed", "power")
    assert variables(5)[2:] == ("ambient_temperature", "variable_04", "variable_05")
