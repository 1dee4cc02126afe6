"""The fingerprints that the source has now of the days of slices."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from services.extractor.chunks import queries
from services.extractor.sample_client import SampleClient
from shared.clients.connector import MAX_DAYS, MAX_DAYS_OF_ASSET, DayFingerprints
from shared.domain.slices import Slice, consecutive_runs
from shared.domain.time_range import ONE_DAY


def day_fingerprints(
    connector: SampleClient, slices: Sequence[Slice], zone: ZoneInfo
) -> Iterator[DayFingerprints]:
    """Of each asset and local day of the slices, with as many days in a request as are allowed."""
    for runs in queries(consecutive_runs(slices)):
        assets = [run[0].asset for run in runs]
        first, last_of_all = (
            slice_.start.astimezone(zone).date() for slice_ in (runs[0][0], runs[0][-1])
        )
        step = MAX_DAYS_OF_ASSET if len(assets) == 1 else MAX_DAYS
        while first <= last_of_all:
            last = min(last_of_all, first + (step - 1) * ONE_DAY)
            variables = slices[0].variables
            yield from connector.fingerprints(first, last, variables=variables, assets=assets)
            first = last + ONE_DAY
