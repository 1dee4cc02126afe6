"""The endpoints of the connector. The app's state holds the `source`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response

from services.connector import day_fingerprints, extent_sql, paging, schemas
from services.connector.adbc_reader import Reader, SourceChanged, TooSlow
from services.connector.data_query import SampleQuery, to_page_request
from services.connector.day_fingerprints import FingerprintQuery
from services.connector.formats import FORMATS, as_spreadsheet_csv
from services.connector.paging import Page
from services.connector.schemas import DataPage
from services.connector.settings import ConnectorSettings
from services.connector.snapshots import SnapshotTooLarge
from services.connector.source_catalog import SourceCatalog
from services.connector.source_table import ASSET, SourceTable
from shared import logs
from shared.clients.connector import AssetSpan, DayFingerprints, Extent, Variable
from shared.errors import InvalidInput, InvalidParameter
from shared.http.content_negotiation import ARROW, negotiate
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only
from shared.http.spreadsheet_cells import require_csv

log = logs.get(__name__)

T = TypeVar("T")
SELECTION = ("variables", "assets", "asset")
DATA_SINGLE = ("start", "end", "limit", "cursor", "snapshot_s", "spreadsheet")
DATA_PARAMETERS = Depends(allow_only(*DATA_SINGLE, several=SELECTION))
DAYS_PARAMETERS = Depends(allow_only("start", "end", several=SELECTION))
NO_PARAMETERS = Depends(allow_only())
ERRORS = openapi_responses(422, 500, 504)

router = APIRouter(tags=["source"])


@dataclass(frozen=True, slots=True)
class SourceReader:
    """The source table and the connections to read it."""

    settings: ConnectorSettings
    catalog: SourceCatalog
    reader: Reader

    def read(self, variables: Sequence[str], read: Callable[[SourceTable], T]) -> T:
        """The result of `read`. If the table has changed since it was reflected, reflect it and
        call `read` once more.
        """
        with _final_answers():
            try:
                return read(self.catalog.table(variables))
            except SourceChanged:
                self.catalog.refresh()
                return read(self.catalog.table(variables))


@contextmanager
def _final_answers() -> Iterator[None]:
    """Answer with 504 if a query takes too long, with 413 if a snapshot is too large, and with 500
    if the source refuses a query or cannot compute a value: a client that repeats the request would
    get the same answer.
    """
    try:
        yield
    except TooSlow as error:
        raise HTTPException(504, str(error)) from error
    except SnapshotTooLarge as error:
        raise HTTPException(413, str(error)) from error
    except InvalidParameter:
        raise
    except InvalidInput as error:
        log.warning("source.refuses", error=str(error))
        raise HTTPException(500, str(error)) from error


async def _source(request: Request) -> Any:
    return request.app.state.source


SourceDep = Annotated[SourceReader, Depends(_source)]


@router.get(
    "/data", response_model=DataPage, responses=schemas.DATA, dependencies=[DATA_PARAMETERS]
)
def data(
    source: SourceDep,
    request: Request,
    query: Annotated[SampleQuery, Query()],
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Samples from `start` until `end`, page by page, as JSON, CSV or an Arrow stream."""
    media_type = negotiate(accept, list(FORMATS))
    if query.snapshot_s is not None and media_type != ARROW:  # others take many times the memory
        raise InvalidParameter("snapshot_s", f"only for an Arrow stream: send `Accept: {ARROW}`")
    require_csv(is_asked=query.spreadsheet, media_type=media_type)
    write = as_spreadsheet_csv if query.spreadsheet else FORMATS[media_type]

    def read(table: SourceTable) -> Page:
        return paging.read(source.reader, to_page_request(query, table, source.settings))

    page = source.read(query.variables, read)
    headers = _page_headers(request, page)
    return Response(write(page), media_type=media_type, headers=headers)


def _page_headers(request: Request, page: Page) -> dict[str, str]:
    headers = {"Vary": "Accept", "Minuano-Rows": str(page.table.num_rows)}
    if page.next:
        url = request.url.include_query_params(cursor=page.next)
        headers |= {"Minuano-Next": page.next, "Link": f'<{url}>; rel="next"'}
    return headers


@router.get("/fingerprints", dependencies=[DAYS_PARAMETERS], responses=ERRORS)
def fingerprints(
    source: SourceDep, query: Annotated[FingerprintQuery, Query()]
) -> list[DayFingerprints]:
    """A fingerprint of each variable for each local day of each asset. A fingerprint changes when
    samples are added, removed or changed.
    """

    def read(table: SourceTable) -> list[DayFingerprints]:
        return day_fingerprints.read(query, table, source.reader, source.settings)

    return source.read(query.variables, read)


@router.get("/variables", dependencies=[NO_PARAMETERS], responses=openapi_responses(422, 500))
def variables(source: SourceDep) -> list[Variable]:
    """The numeric columns of the source table, reflected now."""
    with _final_answers():
        table = source.catalog.refresh()
    return [Variable(name=n, type=t) for n, t in table.variables.items()]


@router.get("/assets", dependencies=[NO_PARAMETERS], responses=ERRORS)
def assets(source: SourceDep) -> list[str]:
    """The assets that have samples; empty where the source has no asset column."""
    return source.read((), lambda table: _assets(source.reader, table))


def _assets(reader: Reader, table: SourceTable) -> list[str]:
    return reader.fetch(extent_sql.assets(table))[ASSET].to_pylist() if table.asset_column else []


@router.get("/extent", dependencies=[NO_PARAMETERS], responses=ERRORS)
def extent(source: SourceDep) -> Extent:
    """First and last timestamp, of the whole source and of each asset."""
    return source.read(
        (), lambda table: _to_extent(source.reader.fetch(extent_sql.extent(table)).to_pylist())
    )


def _to_extent(rows: list[dict[str, Any]]) -> Extent:
    spans = [row for row in rows if row["first"] is not None]
    return Extent(
        first=min((span["first"] for span in spans), default=None),
        last=max((span["last"] for span in spans), default=None),
        assets=[AssetSpan(**span) for span in spans if ASSET in span],
    )
