"""An endpoint whose fields each have the right type can still make no sense; each such nonsense is named at its field."""

import copy
import functools
import itertools
import json
import operator
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.problems import Invalid

Change = Callable[[dict[str, Any]], None]


def places(plain: dict[str, Any]) -> list[str]:
    """Where a document is wrong; empty when it is right."""
    return list(details(plain))


def details(plain: dict[str, Any]) -> dict[str, str]:
    try:
        parse_endpoint(json.dumps(plain))
    except Invalid as invalid:
        return {problem.pointer: problem.detail for problem in invalid.problems}
    return {}


def changed(plain: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The document with one value put at a path of keys."""
    plain = copy.deepcopy(plain)
    *parents, last = path.split("/")
    target = plain
    for key in parents:
        target = target[key]
    target[last] = value
    return plain


def test_a_complete_document_is_valid(compared: dict[str, Any]) -> None:
    assert places(compared) == []


def test_a_complete_document_survives_json(compared: dict[str, Any]) -> None:
    endpoint = parse_endpoint(json.dumps(compared))
    assert msgspec.json.decode(msgspec.json.encode(endpoint), type=Endpoint) == endpoint
    assert parse_endpoint(msgspec.json.encode(endpoint).decode()) == endpoint


def test_a_short_document_gets_defaults_that_break_nobody() -> None:
    endpoint = parse_endpoint(
        """
        name: a
        match: { path: /a }
        protocol: json
        task: regression
        schema: { features: { x: { type: float } } }
        models: { m@1: { url: "http://127.0.0.1:9000", protocol: json } }
        routing: { split: { m@1: 1 } }
        """
    )
    assert (endpoint.schema.on_violation, endpoint.schema.on_unknown) == ("warn", "warn")
    assert endpoint.on_failure == "open"
    assert endpoint.routing.default_model() == "m@1"
    assert (endpoint.models["m@1"].port(), endpoint.models["m@1"].path()) == (9000, "/")


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("name", "Flight", "/name"),
        ("name", "", "/name"),
        ("name", "a" * 64, "/name"),
        ("name", "-a", "/name"),
        ("name", "a\n", "/name"),
        ("match/path", "v1", "/match/path"),
        ("match/path", "/a?b=c", "/match/path"),
        ("match/path", "/a#b", "/match/path"),
        ("match/path", "/a b", "/match/path"),
        ("match/path", "/a\x00", "/match/path"),
        ("match/path", "/é", "/match/path"),
        ("match/host", "Models.example.org", "/match/host"),
        ("match/host", "a/b", "/match/host"),
        ("protocol", "grpc", "/protocol"),
        ("task", "ranking", "/task"),
        ("timeout", 0, "/timeout"),
        ("timeout", 1e9, "/timeout"),
        ("max_body", 0, "/max_body"),
        ("max_body", 1 << 40, "/max_body"),
        ("on_failure", "maybe", "/on_failure"),
        ("sampling/rate", 1.5, "/sampling/rate"),
        ("sampling/rate", float("nan"), "/sampling/rate"),
        ("sampling/max_per_second", 0, "/sampling/max_per_second"),
        ("sampling/max_per_second", float("inf"), "/sampling/max_per_second"),
        ("entity", {}, "/entity"),
        ("entity", {"feature": "tailnum", "header": "x-user"}, "/entity"),
        ("entity", {"feature": "tail"}, "/entity/feature"),
        ("entity", {"feature": "route"}, "/entity/feature"),
        ("entity", {"header": "X-User"}, "/entity/header"),
        ("entity", {"header": ":path"}, "/entity/header"),
        ("entity", {"header": "authorization"}, "/entity/header"),
        ("entity", {"header": "cookie"}, "/entity/header"),
        ("entity", {"header": "x-hyperplan-arm"}, "/entity/header"),
        ("slices", ["origin"], "/slices/0"),
        ("slices", ["carrier", "header:"], "/slices/1"),
        ("slices", ["header:proxy-authorization"], "/slices/0"),
        ("slices", ["header:x-hyperplan-model"], "/slices/0"),
        ("routing/split", {}, "/routing/split"),
        ("routing/split", {"gbm@1": 0, "logit@1": 0}, "/routing/split"),
        ("routing/split", {"gbm@1": -1}, "/routing/split/gbm@1"),
        ("routing/split", {"gbm@1": float("nan")}, "/routing/split/gbm@1"),
        ("routing/split", {"gbm@1": float("inf")}, "/routing/split"),
        ("routing/split", {"gbm@1": 1e-12}, "/routing/split"),
        ("routing/split", {"gbm@1": 1, "gbm@2": 1}, "/routing/split/gbm@2"),
        ("routing/fallback", ["gbm@2"], "/routing/fallback/0"),
        ("routing/fallback", ["logit@1", "logit@1"], "/routing/fallback"),
        ("routing/default", "gbm@2", "/routing/default"),
        ("routing/force_header", "X-Force-Model", "/routing/force_header"),
        ("routing/force_header", "x-hyperplan-arm", "/routing/force_header"),
        ("routing/force_header", "authorization", "/routing/force_header"),
        ("routing/shadow", ["gbm@2"], "/routing/shadow/0"),
        ("routing/shadow", ["logit@1", "logit@1"], "/routing/shadow"),
        ("models/gbm@1/protocol", "kserve", "/routing/default"),
        ("models/logit@1/protocol", "oip", "/models/logit@1/protocol"),
        ("models/logit@1/features", [], "/models/logit@1/features"),
        ("models/logit@1/features", ["hour", "hour"], "/models/logit@1/features"),
        ("models/logit@1/features", ["hour", "minute"], "/models/logit@1/features/1"),
        ("models/gbm@1/features", ["hour"], "/routing/default"),
        ("models/gbm@1/signature", "scores", "/routing/default"),
        ("models/gbm@1/answer", {"component": 1}, "/routing/default"),
        ("models/logit@1/signature", "", "/models/logit@1/signature"),
        ("models/logit@1/answer", {}, "/models/logit@1/answer"),
        ("models/logit@1/answer", {"output": ""}, "/models/logit@1/answer/output"),
        ("models/logit@1/answer", {"component": -1}, "/models/logit@1/answer/component"),
        ("models/logit@1/timeout", 0, "/models/logit@1/timeout"),
        ("models/logit@1/timeout", 4, "/models/logit@1/timeout"),
        ("models/logit@1/paths", {"rows": "a"}, "/models/logit@1/paths"),
        ("models/logit@1", {"url": "http://a", "protocol": "json", "paths": {}}, "/models/logit@1/paths"),
        (
            "models/logit@1",
            {"url": "http://a", "protocol": "json", "paths": {"rows": "a..b"}},
            "/models/logit@1/paths/rows",
        ),
        ("models/logit@1", {"url": "http://a", "protocol": "json", "signature": "x"}, "/models/logit@1/signature"),
        ("models/logit@1", {"rule": "0.5", "protocol": "tfserving"}, "/models/logit@1/protocol"),
        ("models/logit@1", {"rule": "0.5", "features": ["hour"]}, "/models/logit@1/features"),
        ("models/logit@1", {"rule": "0.5", "timeout": 1}, "/models/logit@1/timeout"),
        ("paths", {"rows": "data"}, "/paths"),
        ("models/gbm@1/health", "healthz", "/models/gbm@1/health"),
        ("models/gbm@1/health", "/a b", "/models/gbm@1/health"),
        ("models/gbm@1/health", "/a\r\nb: c", "/models/gbm@1/health"),
        ("models/gbm@1/lineage", {"extra": {"a": [{"b": float("nan")}]}}, "/models/gbm@1/lineage/extra"),
        ("models/logit@1", {}, "/models/logit@1"),
        ("models/logit@1", {"url": "http://a", "rule": "1.0"}, "/models/logit@1"),
        ("models/logit@1", {"url": "http://a"}, "/models/logit@1/protocol"),
        ("models/logit@1", {"rule": "features.hour"}, "/models/logit@1/rule"),
        ("models/logit@1", {"rule": "features.dep_delay > 15.0"}, "/models/logit@1/rule"),
        ("models/logit", {"url": "http://a", "protocol": "tfserving"}, "/models/logit"),
        ("protocol", "oip", "/routing/default"),
        ("schema/features/tailnum/pii", "mask", "/schema/features/tailnum/pii"),
        ("schema/features", {}, "/schema/features"),
        ("schema/features/", {"type": "float"}, "/schema/features/"),
        ("schema/features/a\tb", {"type": "float"}, "/schema/features/a\tb"),
        ('schema/features/a"b', {"type": "float"}, '/schema/features/a"b'),
        ("schema/features/a\\b", {"type": "float"}, "/schema/features/a\\b"),
        ("schema/features/hour/type", "integer", "/schema/features/hour/type"),
        ("schema/features/hour/min", 24, "/schema/features/hour/min"),
        ("schema/features/hour/max", float("inf"), "/schema/features/hour/max"),
        ("schema/features/carrier/values", [], "/schema/features/carrier/values"),
        ("schema/features/carrier/values", ["AA", "AA"], "/schema/features/carrier/values"),
        ("schema/features/carrier/values", ["AA", 1], "/schema/features/carrier/values/1"),
        ("schema/features/route/length", 0, "/schema/features/route/length"),
        ("schema/features/hour/aliases", ["distance"], "/schema/features/hour/aliases"),
        ("schema/features/hour/aliases", ["dist"], "/schema/features/hour/aliases"),
        ("schema/features/hour/aliases", ["h", "h"], "/schema/features/hour/aliases"),
        ("schema/features/hour/aliases", ['h"'], "/schema/features/hour/aliases"),
        ("schema/features/hour/values", ["a"], "/schema/features/hour/values"),
    ],
)
def test_nonsense_is_named_at_its_field(plain: dict[str, Any], path: str, value: Any, place: str) -> None:
    assert place in places(changed(plain, path, value))


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("experiment/arms", ["gbm@1", "deep@1"], "/experiment/arms/1"),
        ("experiment/unit", "request", "/experiment/unit"),
        ("experiment/minimum_effect", {}, "/experiment/minimum_effect"),
        ("experiment/window", 0, "/experiment/window"),
        ("experiment/guardrails", {"latency": {}}, "/experiment/guardrails/latency/slower"),
        ("task", "multiclass", "/experiment/metric/of"),
        ("routing/sticky", False, "/experiment/unit"),
        ("routing/split", {"gbm@1": 1}, "/experiment/arms/1"),
    ],
)
def test_nonsense_about_an_experiment_is_named_at_its_field(
    compared: dict[str, Any], path: str, value: Any, place: str
) -> None:
    assert place in places(changed(compared, path, value))


def test_an_experiment_is_not_judged_by_arms_that_could_not_be_read(compared: dict[str, Any]) -> None:
    assert places(changed(compared, "models/gbm@1/url", 7)) == ["/models/gbm@1/url"]
    assert places(changed(compared, "routing/split/gbm@1", "much")) == ["/routing/split/gbm@1"]


URLS = ["", "127.0.0.1:9001", "ftp://a/b", "http:///a", "http://a:0/", "http://a:99999/", "http://a:x/", "http://[::1/"]
URLS += ["http://user:secret@a/", "http://:secret@a/", "http://a/#b", "http://a/b c", "http://a/\r\nx: y", "http://é/"]


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_envoy_could_not_call_is_refused(plain: dict[str, Any], url: str) -> None:
    assert places(changed(plain, "models/logit@1/url", url)) == ["/models/logit@1/url"]


@pytest.mark.parametrize(
    ("url", "port", "path"),
    [
        ("http://a", 80, "/"),
        ("https://a", 443, "/"),
        ("http://a:9001/v1/models/gbm:predict", 9001, "/v1/models/gbm:predict"),
        ("http://[::1]:9001/a?b=c", 9001, "/a?b=c"),
    ],
)
def test_a_url_has_a_port_and_a_path(plain: dict[str, Any], url: str, port: int, path: str) -> None:
    model = parse_endpoint(json.dumps(changed(plain, "models/gbm@1/url", url))).models["gbm@1"]
    assert (model.port(), model.path()) == (port, path)


def test_sticky_needs_an_entity(plain: dict[str, Any]) -> None:
    del plain["entity"]
    assert places(plain) == ["/routing/sticky"]
    plain["routing"]["sticky"] = False
    assert places(plain) == []


def test_the_default_must_speak_the_protocol_of_the_clients_even_when_it_is_only_the_heaviest_arm(
    plain: dict[str, Any],
) -> None:
    del plain["routing"]["default"]
    plain["models"]["gbm@1"]["protocol"] = "mlflow"
    assert "must speak tfserving; it speaks mlflow" in details(plain)["/routing/default"]


def test_a_rule_may_be_everything_but_the_default_of_an_endpoint_that_is_to_stay_open(plain: dict[str, Any]) -> None:
    plain["models"]["prior@1"] = {"rule": "features.dep_delay != null && features.dep_delay > 15.0 ? 0.9 : 0.1"}
    plain["routing"] |= {"split": {"gbm@1": 1, "prior@1": 9}, "fallback": ["prior@1"], "shadow": ["prior@1"]}
    plain["on_failure"] = "open"
    assert places(plain) == []
    plain["routing"]["default"] = "prior@1"
    assert "name a model with a url, or say on_failure: closed" in details(plain)["/routing/default"]
    del plain["routing"]["default"]  # the heaviest arm, then
    assert places(plain) == ["/routing/default"]


@pytest.mark.parametrize("change", [{"protocol": "mlflow"}, {"answer": {"component": 1}}, {"features": ["hour"]}])
def test_an_endpoint_that_is_closed_without_a_sidecar_needs_no_model_that_takes_what_clients_send(
    plain: dict[str, Any], change: dict[str, Any]
) -> None:
    for name in ("gbm@1", "logit@1"):
        plain["models"][name] |= change
    assert "or say on_failure: closed (503 then)" in details(plain)["/routing/default"]
    plain["on_failure"] = "closed"
    assert places(plain) == []


def test_an_endpoint_may_begin_as_a_rule_if_it_is_closed_without_a_sidecar(plain: dict[str, Any]) -> None:
    plain["models"] = {"prior@1": {"rule": "0.5"}}
    plain["routing"] = {"split": {"prior@1": 1}}
    plain["on_failure"] = "closed"
    assert places(plain) == []
    del plain["on_failure"]
    assert places(plain) == ["/routing/default"]


def test_nothing_is_said_of_a_rule_over_a_schema_that_could_not_be_read(plain: dict[str, Any]) -> None:
    plain["models"]["logit@1"] = {"rule": "features.hour > 5"}
    plain["schema"]["features"]["hour"]["type"] = "integer"
    assert places(plain) == ["/schema/features/hour/type"]
    plain["schema"]["features"]["hour"] |= {"type": "int", "min": 50}
    assert places(plain) == ["/schema/features/hour/min"]


def test_a_protocol_that_is_missing_is_reported_once(plain: dict[str, Any]) -> None:
    del plain["models"]["gbm@1"]["protocol"]
    assert places(plain) == ["/models/gbm@1/protocol"]


@pytest.mark.parametrize("pii", [True, False, "hash", "drop"])
def test_a_feature_may_be_personal_in_these_ways(plain: dict[str, Any], pii: bool | str) -> None:
    plain["schema"]["features"]["tailnum"]["pii"] = pii
    assert places(plain) == []


def test_an_entity_is_masked_as_its_feature_is_unless_it_says_otherwise(plain: dict[str, Any]) -> None:
    plain["schema"]["features"]["tailnum"]["pii"] = "drop"
    plain["entity"] = {"feature": "tailnum"}
    assert parse_endpoint(json.dumps(plain)).entity_masking() == "drop"
    plain["entity"]["pii"] = "hash"
    assert parse_endpoint(json.dumps(plain)).entity_masking() == "hash"
    plain["entity"] = {"header": "x-user-id", "pii": True}
    assert parse_endpoint(json.dumps(plain)).entity_masking() == "hash"


def test_an_entity_that_would_show_a_personal_feature_is_refused(plain: dict[str, Any]) -> None:
    plain["schema"]["features"]["tailnum"]["pii"] = True
    plain["entity"] = {"feature": "tailnum", "pii": False}
    assert "'tailnum'" in details(plain)["/entity/pii"]


def test_an_entity_that_is_dropped_is_no_unit_of_an_experiment(compared: dict[str, Any]) -> None:
    compared["entity"] = {"header": "x-user-id", "pii": "drop"}
    assert "pii: hash" in details(compared)["/experiment/unit"]
    compared["entity"]["pii"] = "hash"
    assert places(compared) == []


def test_what_is_dropped_slices_nothing(plain: dict[str, Any]) -> None:
    plain["schema"]["features"]["carrier"]["pii"] = "drop"
    plain["slices"] = ["carrier"]
    assert places(plain) == ["/slices/0"]


@pytest.mark.parametrize(("feature", "reason"), [("dep_delay", "may be null"), ("tailnum", "may be absent")])
def test_a_feature_that_a_models_protocol_cannot_say_is_named_with_the_model(
    plain: dict[str, Any], feature: str, reason: str
) -> None:
    plain["models"]["logit@1"]["protocol"] = "oip"
    plain["models"]["logit@1"]["features"] = ["hour", "carrier", "night", "route", feature]
    detail = details(plain)["/models/logit@1/protocol"]
    assert f"'{feature}'" in detail
    assert "'logit@1'" in detail
    assert reason in detail
    plain["models"]["logit@1"]["features"].remove(feature)
    assert details(plain) == {}


def test_a_model_that_speaks_as_clients_do_may_get_what_its_protocol_cannot_say_to_others(
    plain: dict[str, Any],
) -> None:
    plain["protocol"] = "oip"
    plain["models"] = {"gbm@1": {"url": "http://a", "protocol": "oip"}}
    plain["routing"] = {"split": {"gbm@1": 1}}
    assert details(plain) == {}


@pytest.mark.parametrize(
    ("split", "wrong"),
    [
        ({"gbm@1": 1}, []),
        ({"gbm@1": 90, "logit@1": 10}, []),
        ({"gbm@1": 0, "logit@1": 10}, ["/routing/shadow/0"]),
        ({"logit@1": 10}, ["/routing/shadow/0"]),
    ],
)
def test_a_shadow_may_be_an_arm_but_not_the_only_one_that_answers(
    plain: dict[str, Any], split: dict[str, float], wrong: list[str]
) -> None:
    plain["routing"] |= {"split": split, "shadow": ["logit@1"]}
    assert places(plain) == wrong


def test_everything_that_is_wrong_is_listed_at_once(plain: dict[str, Any]) -> None:
    plain["name"] = "Flight"
    plain["match"]["path"] = "v1"
    plain["entity"] = {"feature": "tail"}
    plain["routing"]["split"] = {"gbm@2": 1}
    assert set(places(plain)) == {"/name", "/match/path", "/entity/feature", "/routing/split/gbm@2"}


MISTAKES: list[tuple[str, Any, str]] = [
    ("nmae", "x", "/nmae"),
    ("name", "Flight", "/name"),
    ("match/host", 5, "/match/host"),
    ("match/path", "v1", "/match/path"),
    ("task", "ranking", "/task"),
    ("schema/on_unknown", "shrug", "/schema/on_unknown"),
    ("schema/features/hour/min", 24, "/schema/features/hour/min"),
    ("schema/features/distance/aliases", ["carrier"], "/schema/features/distance/aliases"),
    ("schema/features/night/type", "boolean", "/schema/features/night/type"),
    ("schema/features/night/nullable", "perhaps", "/schema/features/night/nullable"),
    ("schema/features/carrier/values", ["AA", 1], "/schema/features/carrier/values/1"),
    ("models/logit@1/protocol", "telepathy", "/models/logit@1/protocol"),
    ("models/logit@1/url", "nowhere", "/models/logit@1/url"),
    ("routing/split/gbm@2", 1, "/routing/split/gbm@2"),
    ("routing/fallback", ["logit@1", "gbm@3", 7], "/routing/fallback/1"),
    ("routing/shadow", ["gbm@4"], "/routing/shadow/0"),
    ("routing/sticky", "yes", "/routing/sticky"),
    ("entity/feature", "tail", "/entity/feature"),
    ("slices", ["carrier", "origin"], "/slices/1"),
    ("timeout", "long", "/timeout"),
]
"""Mistakes of text, type and meaning, none of which hides another."""


def test_mistakes_of_every_kind_are_listed_together(plain: dict[str, Any]) -> None:
    for made in [*itertools.combinations(MISTAKES, 2), MISTAKES]:
        document = plain
        for path, value, _ in made:
            document = changed(document, path, value)
        assert set(places(document)) - {"/routing/fallback/2"} == {place for _, _, place in made}


def paths(plain: Any, here: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every value in a document whose keys hold no slashes."""
    for key, value in plain.items() if isinstance(plain, dict) else ():
        yield (*here, key)
        yield from paths(value, (*here, key))


def test_what_cannot_be_read_is_reported_at_its_place_and_nowhere_else(compared: dict[str, Any]) -> None:
    for path in paths(compared):
        if not {"parameters", "extra"} & set(path):  # which may hold anything
            found = places(changed(compared, "/".join(path), [{}]))
            assert found, path
            assert all(f"{place}/".startswith(f"/{'/'.join(path)}/") for place in found), path


REQUIRED = ["name", "match", "match/path", "protocol", "task", "schema", "schema/features", "models", "routing"]


@pytest.mark.parametrize("path", [*REQUIRED, "routing/split", "schema/features/route/length"])
def test_what_is_missing_is_reported_at_its_place_and_nowhere_else(plain: dict[str, Any], path: str) -> None:
    *parents, last = path.split("/")
    del functools.reduce(operator.getitem, parents, plain)[last]
    assert details(plain) == {f"/{path}": "is missing"}


def test_problems_of_a_yaml_document_have_lines() -> None:
    with pytest.raises(Invalid) as caught:
        parse_endpoint(
            "name: a\nmatch: { path: /a }\nprotocol: json\ntask: binary\nschema: { features: { x: { type: float } } }\n"
            "models: { m@1: { url: http://a, protocol: json } }\nrouting:\n  split:\n    m@1: 1\n    m@2: 1\n"
        )
    assert [(problem.pointer, problem.line) for problem in caught.value.problems] == [("/routing/split/m@2", 10)]


@pytest.mark.parametrize(
    ("split", "default"), [({"a@1": 1, "b@1": 2}, "b@1"), ({"a@1": 1, "b@1": 1}, "a@1"), ({"a@1": 0, "b@1": 1}, "b@1")]
)
def test_the_default_is_the_heaviest_arm_and_the_first_of_equals(
    plain: dict[str, Any], split: dict[str, float], default: str
) -> None:
    del plain["routing"]["default"]
    plain["routing"] |= {"split": split, "fallback": [], "shadow": []}
    plain["models"] = dict.fromkeys(split, plain["models"]["gbm@1"])
    assert parse_endpoint(json.dumps(plain)).routing.default_model() == default


def test_the_chain_of_an_arm_holds_each_model_once(plain: dict[str, Any]) -> None:
    routing = parse_endpoint(json.dumps(plain)).routing
    assert routing.chain("gbm@1") == ("gbm@1", "logit@1")
    assert routing.chain("logit@1") == ("logit@1",)


def test_an_endpoint_cannot_be_changed(plain: dict[str, Any]) -> None:
    endpoint = parse_endpoint(json.dumps(plain))
    with pytest.raises(AttributeError):
        endpoint.name = "other"  # type: ignore[misc]
