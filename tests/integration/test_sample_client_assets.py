"""The client of the connector reads the samples of several assets with one query."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from services.extractor.sample_page import AssetRun
from shared.errors import InvalidInput
from tests.integration.sample_reading import GOOD, of_assets, read, read_pages
from tests.integration.stub_connector import StubConnector, page, stub_connector, table


@pytest.fixture
def server() -> Iterator[StubConnector]:
    with stub_connector() as running:
        yield running


def test_the_asset_column_is_checked_and_removed(server: StubConnector) -> None:
    server.respond_with(page(of_assets(GOOD, *["T01"] * 3)))
    assert read(server, assets=("T01",)).schema == GOOD.schema


def test_the_request_names_each_asset(server: StubConnector) -> None:
    names = ["T01, north", " Ø 3.β\u200b", "a&b=c+d%20", "100 %"]
    server.respond_with(page(of_assets(table([]))))
    read(server, assets=names)
    assert server.assets == [names]


def test_pages_can_end_in_the_middle_of_an_asset(server: StubConnector) -> None:
    server.respond_with(
        page(of_assets(table([0, 1, 0]), "T02", "T02", "T01"), next_cursor="c1"),
        page(of_assets(table([1, 2]), "T01", "T01"), next_cursor="c2"),
        page(of_assets(table([5]), "T03")),
    )
    pages = read_pages(server, assets=("T01", "T02", "T03"), variables=("power",))
    assert [list(page.runs) for page in pages] == [
        [AssetRun("T02", 0, 2), AssetRun("T01", 2, 3)],
        [AssetRun("T01", 0, 2)],
        [AssetRun("T03", 0, 1)],
    ]


@pytest.mark.parametrize(
    ("assets", "match"),
    [
        (("T01", "T03", "T03"), "asset T03 a second time or unrequested"),
        (("T01", "T02", "T01"), "asset T01 a second time or unrequested"),
        (("T01", None, "T02"), "asset None a second time or unrequested"),
    ],
    ids=["not requested", "twice", "null"],
)
def test_rows_of_assets_that_do_not_follow_each_other_are_rejected(
    server: StubConnector, assets: tuple[str | None, ...], match: str
) -> None:
    server.respond_with(page(of_assets(GOOD, *assets)))
    with pytest.raises(InvalidInput, match=match) as error:
        read(server, assets=("T01", "T02"))
    assert error.value.reason == "contract"


def test_an_asset_that_comes_back_on_a_later_page_is_rejected(server: StubConnector) -> None:
    server.respond_with(
        page(of_assets(table([0, 0]), "T01", "T02"), next_cursor="c"),
        page(of_assets(table([1]), "T01")),
    )
    with pytest.raises(InvalidInput, match="asset T01 a second time"):
        read(server, assets=("T01", "T02"))


def test_rows_that_do_not_say_which_of_several_assets_they_have_are_rejected(
    server: StubConnector,
) -> None:
    server.respond_with(page(GOOD))
    with pytest.raises(InvalidInput, match="without their asset") as error:
        read(server, assets=("T01", "T02"))
    assert error.value.reason == "contract"


@pytest.mark.parametrize(
    "second",
    [of_assets(table([1, 0]), "T02", "T02"), of_assets(table([120]), "T02")],
    ids=["out of order", "at the end"],
)
def test_the_rows_of_every_asset_on_a_page_are_checked(
    server: StubConnector, second: pa.Table
) -> None:
    server.respond_with(page(pa.concat_tables([of_assets(table([5]), "T01"), second])))
    with pytest.raises(InvalidInput, match="outside the range or out of order"):
        read(server, assets=("T01", "T02"))
