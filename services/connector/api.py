"""The endpoints: parse, call, return."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response

from services.connector import extent_sql, fingerprint_query, formats, paging, schemas
from services.connector.adbc_reader import Reader, SourceChanged, TooSlow
from services.connector.data_query import DataQuery, to_page_request
from services.connector.fingerprint_query import DaysQuery
from services.connector.paging import Page
from services.connector.schemas import AssetSpan, DataPage, DayPrint, Extent, Variable
from services.connector.settings import ConnectorSettings
from services.connector.source_catalog import SourceCatalog
from services.connector.source_table import ASSET, SourceTable
from shared.http import problem_details
from shared.http.query_params import allow_only

T = TypeVar("T")
SELECTION = ("variables", "assets", "asset")
DATA_PARAMETERS = allow_only("start", "end", "limit", "cursor", several=SELECTION)
DAYS_PARAMETERS = allow_only("start", "end", several=SELECTION)


def routes(settings: ConnectorSettings, catalog: SourceCatalog, reader: Reader) -> APIRouter:
    """The router over this source."""
    router = APIRouter(tags=["source"])
    bare = [Depends(allow_only())]

    @router.get(
        "/data",
        response_model=DataPage,
        responses=schemas.DATA,
        dependencies=[Depends(DATA_PARAMETERS)],
    )
    def data(
        request: Request,
        query: Annotated[DataQuery, Query()],
        accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """Samples from `start` until `end`, page by page, as JSON, CSV or an Arrow stream."""
        form = formats.negotiate(accept)
        page = _asked(
            catalog,
            query.variables,
            lambda source: paging.read(reader, source, to_page_request(query, source, settings)),
        )
        headers = _headers(request, page)
        return Response(form.write(page), media_type=form.media_type, headers=headers)

    @router.get(
        "/fingerprints",
        dependencies=[Depends(DAYS_PARAMETERS)],
        responses=problem_details.openapi_responses(422, 504),
    )
    def fingerprints(query: Annotated[DaysQuery, Query()]) -> list[DayPrint]:
        """What each asset's local days hold, as one number for each variable: it shows whether
        samples came, went or changed since.
        """
        return _asked(
            catalog,
            query.variables,
            lambda source: fingerprint_query.fingerprint_rows(query, source, reader, settings),
        )

    @router.get("/variables", dependencies=bare, responses=problem_details.openapi_responses(422))
    def variables() -> list[Variable]:
        """The numeric columns, as they are now."""
        return [Variable(name=n, type=t) for n, t in catalog.refresh().variables.items()]

    @router.get("/assets", dependencies=bare, responses=problem_details.openapi_responses(422, 504))
    def assets() -> list[str]:
        """The assets that have samples; empty where the source has no asset column."""

        def read(source: SourceTable) -> list[str]:
            if source.asset is None:
                return []
            return list(reader.fetch(extent_sql.assets(source))[ASSET].to_pylist())

        return _asked(catalog, (), read)

    @router.get("/extent", dependencies=bare, responses=problem_details.openapi_responses(422, 504))
    def extent() -> Extent:
        """First and last stamp, of all and of each asset."""
        return _asked(
            catalog, (), lambda source: _extent(reader.fetch(extent_sql.extent(source)).to_pylist())
        )

    return router


def _asked(catalog: SourceCatalog, variables: Sequence[str], read: Callable[[SourceTable], T]) -> T:
    """What `read` returns. If the source has changed since it was reflected, reflect it and read
    once more. A query that takes too long would do so again: that is answered with 504.
    """
    try:
        try:
            return read(catalog.source(variables))
        except SourceChanged:
            catalog.refresh()
            return read(catalog.source(variables))
    except TooSlow as error:
        raise HTTPException(504, str(error)) from error


def _headers(request: Request, page: Page) -> dict[str, str]:
    headers = {"Vary": "Accept", "Minuano-Rows": str(page.table.num_rows)}
    if page.next:
        following = request.url.include_query_params(cursor=page.next)
        headers |= {"Minuano-Next": page.next, "Link": f'<{following}>; rel="next"'}
    return headers


def _extent(found: list[dict[str, Any]]) -> Extent:
    spans = [span for span in found if span["first"] is not None]
    return Extent(
        first=min((span["first"] for span in spans), default=None),
        last=max((span["last"] for span in spans), default=None),
        assets=[AssetSpan(**span) for span in spans if ASSET in span],
    )
