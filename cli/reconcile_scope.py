"""What `minuano reconcile` compares."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Self

from sqlalchemy import Engine

from shared.clients.connector import ConnectorClient
from shared.domain.job_request import ALL_VARIABLES
from shared.domain.spec import STATISTICS
from shared.domain.time_range import ONE_DAY, DateRange
from shared.environment import PREFIX
from shared.errors import ConfigurationError
from shared.ledger.loaded_names import LoadedNames, loaded_names
from shared.ledger.reconciliation import Scope
from shared.setting_types import split_names
from shared.settings import SourceSettings, StatisticsSettings, VariablesSettings

MAX_NAMED = 10
_SETTING = f"{PREFIX}VARIABLES"


class ReconcileSettings(SourceSettings, VariablesSettings, StatisticsSettings):
    """The settings that say what is compared by default."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the source has, and what was ever loaded."""

    newest: datetime | None
    variables: Sequence[str]
    assets: Sequence[str]
    loaded: LoadedNames

    @classmethod
    def read(cls, connector: ConnectorClient, engine: Engine, window_s: int) -> Self:
        """From the connector and the ledger."""
        return cls(
            connector.extent().last, connector.variables(), connector.assets(),
            loaded_names(engine, window_s),
        )  # fmt: skip

    def scope(
        self,
        settings: ReconcileSettings,
        days: int,
        *,
        variables: str | None,
        statistics: str | None,
        assets: str | None,
    ) -> Scope | None:
        """What is compared in so many days up to the newest one of the source or the target; None
        if there is no day. The options have names separated by commas; by default it is all that is
        configured or was ever loaded. Raises `ConfigurationError` for a name that is not known.
        """
        spec = settings.spec(settings.sampling_period_s)
        compared, optional = self._statistics(statistics, spec.statistics)
        scope = partial(
            Scope, zone=settings.zone, assets=self._assets(assets),
            variables=self._variables(variables, settings), statistics=compared,
            missing_allowed=optional, spec=spec, source_variables=self.variables,
        )  # fmt: skip
        ends = [end for end in (self.newest, self.loaded.newest) if end is not None]
        if not ends:
            return None
        last = max(ends).astimezone(settings.zone).date()
        return scope(days=DateRange(last - (days - 1) * ONE_DAY, last))

    def _variables(self, option: str | None, settings: ReconcileSettings) -> Sequence[str]:
        what, names = "--variables", split_names(option or "")
        also: Collection[str] = ()
        known = {*self.variables, *self.loaded.variables}
        if option is None:
            what, names, also = _SETTING, settings.variable_names, self.loaded.variables
            if also and "variables" not in settings.model_fields_set:  # defaults
                names = tuple(name for name in names if name in known)
        if names == ALL_VARIABLES:
            names = tuple(self.variables)
        return sorted({*_require_known(what, names, known, may_be_none=bool(also)), *also})

    def _statistics(
        self, option: str | None, configured: Sequence[str]
    ) -> tuple[Sequence[str], Collection[str]]:
        """The statistics, and those among them that need not be loaded everywhere."""
        if option is not None:
            names = set(_require_known("--statistics", split_names(option), STATISTICS))
            configured = list(names)
        else:
            names = {*configured, *self.loaded.statistics}
        return [name for name in STATISTICS if name in names], names - set(configured)

    def _assets(self, option: str | None) -> Sequence[str]:
        known = {*(self.assets or [""]), *self.loaded.assets, *self.loaded.target_assets}
        if option is None:
            return sorted(known)
        return sorted(set(_require_known("--assets", split_names(option), known)))


def _require_known(
    what: str, names: Sequence[str], known: Collection[str], *, may_be_none: bool = False
) -> Sequence[str]:
    unknown = [name for name in names if name not in known]
    if unknown or not (names or may_be_none):
        listed = ", ".join(sorted(filter(None, known))) or "no names"
        wrong = f"{unknown[0]} is not known" if unknown else "names nothing"
        raise ConfigurationError(f"{what}: {wrong}; known: {listed}")
    return names


def sentence(scope: Scope) -> str:
    """What is compared, in words."""
    assets = [asset for asset in scope.assets if asset]
    return "; ".join(
        [
            str(scope.days),
            *([f"assets {_listed(assets)}"] if assets else []),
            f"variables {_listed(scope.variables)}",
            f"statistics {_listed(scope.statistics)} and quality",
            f"windows of {scope.spec.window_s} s",
        ]
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
