"""The result of one load test."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was done, the bound that it reached for, what was measured, and whether it held."""

    action: str
    bound: str
    measured: str
    held: bool

    def cells(self) -> tuple[str, str, str, str]:
        """One row of the table."""
        return self.action, self.bound, self.measured, "yes" if self.held else "**no**"
