"""The first states of each configuration, and what the model finds without each rule."""

from dataclasses import fields

import pytest

from tests.model.configurations import CONFIGURATIONS, RULES, WITHOUT, Configuration
from tests.model.explore import Exploration, Violation
from tests.model.protocol import Rules

FIRST_STATES = 1_500


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c.name)
def test_the_first_states_have_all_properties(configuration: Configuration) -> None:
    assert Exploration(configuration.start(), RULES).run(limit=FIRST_STATES) >= FIRST_STATES


@pytest.mark.parametrize("rule", WITHOUT)
def test_without_a_rule_the_model_finds_what_it_prevents(rule: str) -> None:
    without = WITHOUT[rule]
    with pytest.raises(Violation, match=without.problem):
        Exploration(without.start(), without.rules).run()


def test_each_rule_is_switched_off_once() -> None:
    off = [
        {rule.name for rule in fields(Rules) if not getattr(without.rules, rule.name)}
        for without in WITHOUT.values()
    ]
    assert set().union(*off) == {rule.name for rule in fields(Rules)}
