"""The signals of the target: their keys, names and ids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from services.loader.fence import Patch
from shared.domain.batches import StatsBatch
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput
from shared.postgres.tables import signal


@dataclass(frozen=True, slots=True, order=True)
class SignalKey:
    """The identity of a signal. Its name depends on a setting."""

    asset: str
    variable: str
    statistic: str
    window_s: int
    window_label: str
    ddof: int | None

    @classmethod
    def of_batch(cls, batch: StatsBatch) -> Iterator[Self]:
        """All signals of a batch, those of several slices more than once."""
        for variable in batch.variables:
            for statistic in batch.spec.statistics:
                yield from cls.of_patch(Patch(batch, variable, statistic, {}))

    @classmethod
    def of_patch(cls, patch: Patch) -> Iterator[Self]:
        """The signal of each slice that a patch replaces; none if it replaces quality rows."""
        spec, statistic = patch.batch.spec, patch.statistic
        if statistic:
            label, ddof = spec.window_label, _ddof(statistic, patch.variable, spec)
            for slice_ in patch.batch.slices:
                yield cls(
                    slice_.asset, patch.variable, statistic, spec.window_s, label, ddof
                )  # fmt: skip

    def name(self, template: str) -> str:
        """For example `wind_speed_mean_10m`, after the asset unless the template has it."""
        prefix = f"{self.asset}." if self.asset and "{asset}" not in template else ""
        return prefix + template.format(
            asset=self.asset,
            variable=self.variable,
            statistic=self.statistic,
            window=self.window_label,
        )


def _ddof(statistic: str, variable: str, spec: StatisticsSpec) -> int | None:
    return spec.ddof if statistic == "std" and variable not in spec.circular_variables else None


def _kind(ddof: int | None) -> str:
    return "a circular std" if ddof is None else f"ddof={ddof}"


FIND = """
    SELECT w.n, s.id, s.name, s.ddof, s.unit FROM signal s JOIN unnest(
        CAST(:signal_assets AS text[]), CAST(:signal_variables AS text[]),
        CAST(:signal_statistics AS text[]), CAST(:signal_windows AS integer[])
    ) WITH ORDINALITY AS w(asset, variable, statistic, window_s, n)
    USING (asset, variable, statistic, window_s) ORDER BY s.id FOR KEY SHARE OF s
"""
"""The signals that exist; they cannot be deleted until the transaction ends."""


def find_values(keys: Sequence[SignalKey]) -> dict[str, list[Any]]:
    """The values of `FIND`."""
    return {
        "signal_assets": [key.asset for key in keys],
        "signal_variables": [key.variable for key in keys],
        "signal_statistics": [key.statistic for key in keys],
        "signal_windows": [key.window_s for key in keys],
    }


class Signals:
    """The signals of these keys, of which `found` has those that exist: rows of `FIND`. Missing
    ones are added when they are needed. Their units are updated to those of the settings; the unit
    of a variable that the settings do not name is kept.
    """

    def __init__(
        self,
        connection: Connection,
        keys: Sequence[SignalKey],
        found: Iterable[Mapping[str, Any]],
        *,
        template: str,
        units: Mapping[str, str],
    ) -> None:
        self._connection, self._template, self._units = connection, template, units
        self._found = {keys[row["n"] - 1]: row for row in found}

    def ids(self, keys: Iterable[SignalKey]) -> dict[SignalKey, int]:
        """The ids of the signals. They cannot be deleted until the transaction ends."""
        needed = sorted(set(keys))
        if missing := [key for key in needed if key not in self._found]:
            self._add(missing)
            rows = self._connection.execute(text(FIND), find_values(missing)).mappings()
            self._found |= {missing[row["n"] - 1]: row for row in rows}
        if conflict := next((key for key in missing if key not in self._found), None):
            raise InvalidInput(
                "contract",
                f"another signal has the name {conflict.name(self._template)}: "
                "MINUANO_SIGNAL_NAME must give each signal another name",
            )
        for key in needed:
            _require_ddof(key, self._found[key])
        self._update_units(needed)
        return {key: self._found[key]["id"] for key in needed}

    def _update_units(self, keys: Iterable[SignalKey]) -> None:
        new = [
            {"id": self._found[key]["id"], "unit": self._units[key.variable]}
            for key in keys
            if self._units.get(key.variable, self._found[key]["unit"]) != self._found[key]["unit"]
        ]
        if new:
            # In the order of the ids. All loaders keep this order, so they cannot deadlock.
            update = text("UPDATE signal SET unit = :unit WHERE id = :id")
            self._connection.execute(update, sorted(new, key=lambda row: row["id"]))

    def _add(self, keys: list[SignalKey]) -> None:
        rows = [
            {
                "name": key.name(self._template), "asset": key.asset, "variable": key.variable,
                "statistic": key.statistic, "window_s": key.window_s, "ddof": key.ddof,
                "unit": self._units.get(key.variable),
            }
            for key in keys
        ]  # fmt: skip
        self._connection.execute(insert(signal).on_conflict_do_nothing(), rows)


def _require_ddof(key: SignalKey, row: Mapping[str, Any]) -> None:
    if row["ddof"] == key.ddof:
        return
    is_circular = None in (row["ddof"], key.ddof)
    setting = "MINUANO_CIRCULAR_VARIABLES" if is_circular else "MINUANO_STD_DDOF"
    raise InvalidInput(
        "contract",
        f"signal {row['name']} has {_kind(row['ddof'])}, this slice has {_kind(key.ddof)}: "
        f"set {setting} back, or delete the signal and its data first",
    )
