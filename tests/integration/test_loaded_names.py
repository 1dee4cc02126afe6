"""The names that were ever loaded."""

from sqlalchemy import Engine

from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.ledger.ledger import Ledger
from shared.ledger.loaded_names import LoadedNames, loaded_names
from tests.actors import TESTER
from tests.integration.ledger_jobs import DAY, VARIABLES, load, slices_of


def test_only_names_that_were_loaded_with_this_window_are_known(target: Engine) -> None:
    ledger = Ledger(target)
    for window_s, assets in ((600, ("T03", "T01")), (3600, ("T02",))):
        job, _ = ledger.add(
            JobRequest(date=DAY, variables=VARIABLES), spec=StatisticsSpec(window_s=window_s),
            timezone="UTC", trace="trace-1", by=TESTER,
        )  # fmt: skip
        for slice_ in slices_of(ledger.mark_started(job.id, assets=assets, slices_total=3)):
            load(target, slice_)
    assert loaded_names(target, 600).assets == {"T01", "T03"}
    assert loaded_names(target, 3600).assets == {"T02"}
    assert loaded_names(target, 600).variables == set(VARIABLES)
    none = frozenset[str]()
    assert loaded_names(target, 60) == LoadedNames(none, none, none, none, None)
