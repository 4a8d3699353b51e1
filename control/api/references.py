"""References: what the training data of a model looked like, put by whoever trained it."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody

from control.api.periods import as_date
from control.problems import not_found
from control.registry import Registry
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.profile import Reference
from hyperplan.profile.masked import only_hashes

LARGEST_REFERENCE = 64 << 20
"""Bytes of an encoded reference."""

MEDIA_TYPE = "application/vnd.hyperplan.reference+msgpack"


class ReferenceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A reference in short: its rows, in how many chunks, and the features that it profiles."""

    endpoint: str
    model: str
    made_at: datetime
    rows: int
    chunks: int
    features: list[str]


@put(
    "/v1/endpoints/{name:str}/models/{model:str}/reference",
    status_code=HTTPStatus.OK,
    request_max_body_size=LARGEST_REFERENCE,
    sync_to_thread=True,
)
def put_reference(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    model: FromPath[str],
    body: RawBody,
) -> ReferenceSummary:
    """Keep the reference of a model in place of the one before."""
    endpoint = _endpoint(registry, name, model)
    try:
        reference = Reference.decode(body)
    except ValueError as error:
        raise Invalid([Problem("", str(error))]) from None
    problems = list(_problems(reference, endpoint, model))
    if problems:
        raise Invalid(problems)
    store.references.put(reference)
    merged = reference.merged()
    return ReferenceSummary(
        endpoint=name,
        model=model,
        made_at=as_date(round(reference.made_at * 1e9)),
        rows=reference.rows,
        chunks=len(reference.series),
        features=sorted(merged.features),
    )


@get("/v1/endpoints/{name:str}/models/{model:str}/reference", sync_to_thread=True, media_type=MEDIA_TYPE)
def get_reference(
    store: NamedDependency[Store], registry: NamedDependency[Registry], name: FromPath[str], model: FromPath[str]
) -> Response[bytes]:
    """The reference of a model, encoded as it was put."""
    _endpoint(registry, name, model)
    reference = store.references.get(name, model)
    if reference is None:
        raise not_found(f"the model {model!r} of {name!r} has no reference yet; make one with `hyperplan profile`")
    return Response(reference.encode(), media_type=MEDIA_TYPE)


def _endpoint(registry: Registry, name: str, model: str) -> Endpoint:
    _, endpoint = registry.get(name)
    if model not in endpoint.models:
        raise not_found(f"the endpoint {name!r} has no model {model!r}; known: {', '.join(endpoint.models)}")
    return endpoint


def _problems(reference: Reference, endpoint: Endpoint, model: str) -> list[Problem]:
    problems = []
    if reference.endpoint != endpoint.name:
        problems.append(Problem("/endpoint", f"is {reference.endpoint!r}, but it was put to {endpoint.name!r}"))
    if reference.model != model:
        problems.append(Problem("/model", f"is {reference.model!r}, but it was put to {model!r}"))
    if not 0 <= reference.made_at < 1e11:
        problems.append(Problem("/made_at", "must be in seconds since 1970"))
    if not reference.rows:
        problems.append(Problem("/rows", "is 0; a reference needs training data"))
    features = sorted({name for profile in reference.series for name in profile.features})
    problems += [
        Problem(pointer("features", name), "is no feature of the schema; profile the data with the schema as it is now")
        for name in features
        if name not in endpoint.schema.features
    ]
    problems += [
        Problem(
            pointer("features", name), "is personal, and this holds its values; profile the data again, with --key-file"
        )
        for name in features
        if (feature := endpoint.schema.features.get(name)) is not None
        and feature.masking is not None
        and not all(name not in profile.features or only_hashes(profile.features[name]) for profile in reference.series)
    ]
    return problems


handlers: list[Any] = [put_reference, get_reference]
