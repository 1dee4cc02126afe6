"""The signals of the target: their keys, names and ids."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from services.loader.fence import Patch
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


class Signals:
    """Finds signals by key and adds missing ones. Their units are updated to those of the settings;
    the unit of a variable that the settings do not name is kept.
    """

    def __init__(self, connection: Connection, *, template: str, units: Mapping[str, str]) -> None:
        self._connection, self._template, self._units = connection, template, units

    def ids(self, keys: Iterable[SignalKey]) -> dict[SignalKey, int]:
        """The ids of the signals. They cannot be deleted until the transaction ends."""
        unique = sorted(set(keys))
        ids = self._find(unique)
        if missing := [key for key in unique if key not in ids]:
            self._add(missing)
            ids |= self._find(missing)
        if conflict := next((key for key in missing if key not in ids), None):
            raise InvalidInput(
                "contract",
                f"another signal has the name {conflict.name(self._template)}: "
                "MINUANO_SIGNAL_NAME must give each signal another name",
            )
        return ids

    def _find(self, keys: list[SignalKey]) -> dict[SignalKey, int]:
        rows = self._connection.execute(
            text(
                "SELECT w.n, s.id, s.name, s.ddof, s.unit FROM signal s JOIN unnest("
                "CAST(:assets AS text[]), CAST(:variables AS text[]), "
                "CAST(:statistics AS text[]), CAST(:windows AS integer[])) "
                "WITH ORDINALITY AS w(asset, variable, statistic, window_s, n) "
                "USING (asset, variable, statistic, window_s) "
                "ORDER BY s.id FOR KEY SHARE OF s"
            ),
            {
                "assets": [key.asset for key in keys],
                "variables": [key.variable for key in keys],
                "statistics": [key.statistic for key in keys],
                "windows": [key.window_s for key in keys],
            },
        )
        ids, new_units = {}, []
        for n, id, name, ddof, unit in rows:
            key = keys[n - 1]
            if ddof != key.ddof:
                setting = (
                    "MINUANO_CIRCULAR_VARIABLES" if None in (ddof, key.ddof) else "MINUANO_STD_DDOF"
                )
                raise InvalidInput(
                    "contract",
                    f"signal {name} has {_kind(ddof)}, this slice has {_kind(key.ddof)}: "
                    f"set {setting} back, or delete the signal and its data first",
                )
            ids[key] = id
            if self._units.get(key.variable, unit) != unit:
                new_units.append({"id": id, "unit": self._units[key.variable]})
        if new_units:
            # In the order of the ids. All loaders keep this order, so they cannot deadlock.
            update = text("UPDATE signal SET unit = :unit WHERE id = :id")
            self._connection.execute(update, new_units)
        return ids

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
