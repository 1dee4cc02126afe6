"""Trying keys becomes slow, for the address that tries them and for nobody else."""

import pytest
from fastapi import HTTPException
from pydantic import SecretStr

from shared.http import key_check
from shared.http.key_check import FREE_ATTEMPTS, MAX_WAIT_S, KeyCheck

KEY, ADDRESS, OTHER = "one-key", "192.0.2.1", "192.0.2.2"


class Clock:
    """A clock that stands until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(clock: Clock) -> KeyCheck:
    return KeyCheck(SecretStr(f"{KEY},next-key"), clock=clock)


def _try(keys: KeyCheck, count: int, address: str = ADDRESS) -> None:
    """Try so many different keys from an address."""
    for n in range(count):
        assert keys.check(f"guess-{n}", address) is None


def _wait_s(keys: KeyCheck, key: str = KEY, address: str = ADDRESS) -> int:
    """The seconds that the address has to wait."""
    with pytest.raises(HTTPException) as error:
        keys.check(key, address)
    assert error.value.status_code == 429
    return int((error.value.headers or {})["Retry-After"])


def test_after_some_wrong_keys_no_key_of_the_address_is_looked_at(keys: KeyCheck) -> None:
    _try(keys, FREE_ATTEMPTS)
    assert _wait_s(keys) == 1
    assert _wait_s(keys, "guess-0") == 1


def test_another_address_does_not_wait(keys: KeyCheck) -> None:
    _try(keys, FREE_ATTEMPTS)
    assert keys.check(KEY, OTHER) == KEY


def test_all_addresses_of_an_ipv6_network_wait(keys: KeyCheck) -> None:
    _try(keys, FREE_ATTEMPTS, "2001:db8::1")
    assert _wait_s(keys, address="2001:db8::2") == 1


def test_each_further_wrong_key_doubles_the_wait_up_to_a_limit(
    keys: KeyCheck, clock: Clock
) -> None:
    _try(keys, FREE_ATTEMPTS)
    waits = []
    for n in range(8):
        waits.append(_wait_s(keys))
        clock.now += waits[-1]
        assert keys.check(f"more-{n}", ADDRESS) is None
    assert waits == [1, 2, 4, 8, 16, 32, MAX_WAIT_S, MAX_WAIT_S]


def test_after_the_wait_the_right_key_is_accepted(keys: KeyCheck, clock: Clock) -> None:
    _try(keys, FREE_ATTEMPTS)
    clock.now += 1
    assert keys.check(KEY, ADDRESS) == KEY


def test_a_client_that_repeats_an_old_key_does_not_wait(keys: KeyCheck) -> None:
    assert [keys.check("old-key", ADDRESS) for _ in range(100)] == [None] * 100
    assert keys.check(KEY, ADDRESS) == KEY


def test_a_wrong_key_that_is_sent_again_does_not_renew_the_wait(
    keys: KeyCheck, clock: Clock
) -> None:
    _try(keys, FREE_ATTEMPTS)
    clock.now += 1
    _try(keys, FREE_ATTEMPTS)
    assert keys.check(KEY, ADDRESS) == KEY


def test_a_key_that_was_right_before_goes_on_working(keys: KeyCheck) -> None:
    assert keys.check(KEY, ADDRESS) == KEY
    _try(keys, FREE_ATTEMPTS)
    assert keys.check(KEY, ADDRESS) == KEY
    assert _wait_s(keys, "next-key") == 1


def test_requests_without_a_key_do_not_count(keys: KeyCheck) -> None:
    assert [keys.check("", ADDRESS) for _ in range(100)] == [None] * 100
    assert keys.check(KEY, ADDRESS) == KEY


def test_wrong_keys_are_forgotten(keys: KeyCheck, clock: Clock) -> None:
    _try(keys, FREE_ATTEMPTS)
    clock.now += key_check.FORGET_AFTER_S
    _try(keys, FREE_ATTEMPTS - 1)
    assert keys.check(KEY, ADDRESS) == KEY


def test_the_number_of_addresses_is_limited(
    keys: KeyCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_check, "MAX_ADDRESSES", 2)
    _try(keys, FREE_ATTEMPTS)
    for address in (OTHER, "192.0.2.3"):
        _try(keys, 1, address)
    assert keys.check(KEY, ADDRESS) == KEY
