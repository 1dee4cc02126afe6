"""Signals: their names and their ids."""

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
    """What a signal is, whatever it is called."""

    asset: str
    variable: str
    statistic: str
    window_s: int
    window_label: str
    ddof: int | None

    @classmethod
    def of_patch(cls, patch: Patch) -> Iterator[Self]:
        """The signal that a patch replaces; none if it is about quality."""
        part, statistic = patch.batch.slice, patch.statistic
        if statistic:
            yield cls(
                part.asset, patch.variable, statistic, part.spec.window_s, part.spec.window_label,
                _ddof(statistic, patch.variable, part.spec),
            )  # fmt: skip

    def name(self, template: str) -> str:
        """`wind_speed_mean_10m`; an asset goes in front unless the template places it."""
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
    """Finds signals by what they are and adds those that are new. Their units are what the
    settings say, also where that has changed; a unit that they do not name stays.
    """

    def __init__(self, connection: Connection, *, template: str, units: Mapping[str, str]) -> None:
        self._connection, self._template, self._units = connection, template, units

    def ids(self, keys: Iterable[SignalKey]) -> dict[SignalKey, int]:
        """The ids of the signals, locked against deletion until the transaction ends."""
        wanted = sorted(set(keys))
        found = self._find(wanted)
        if missing := [key for key in wanted if key not in found]:
            self._add(missing)
            found |= self._find(missing)
        if lost := next((key for key in wanted if key not in found), None):
            raise InvalidInput(
                "contract",
                f"another signal is called {lost.name(self._template)}: "
                "MINUANO_SIGNAL_NAME has to tell signals apart",
            )
        return found

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
        found, renamed = {}, []
        for n, id, name, ddof, unit in rows:
            key = keys[n - 1]
            if ddof != key.ddof:
                setting = (
                    "MINUANO_CIRCULAR_VARIABLES" if None in (ddof, key.ddof) else "MINUANO_STD_DDOF"
                )
                raise InvalidInput(
                    "contract",
                    f"signal {name} stands with {_kind(ddof)}, this slice has {_kind(key.ddof)}: "
                    f"set {setting} back, or remove the signal and its data first",
                )
            found[key] = id
            if self._units.get(key.variable, unit) != unit:
                renamed.append({"id": id, "unit": self._units[key.variable]})
        if renamed:
            # In the order of their ids, as all loaders do.
            self._connection.execute(text("UPDATE signal SET unit = :unit WHERE id = :id"), renamed)
        return found

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
