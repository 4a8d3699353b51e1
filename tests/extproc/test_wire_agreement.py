"""Our messages against Envoy's own definitions of them, as envoy-data-plane has them: field by field, and on the wire."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from extproc.wire import discovery_pb2, external_processing_pb2, resources_pb2
from extproc.xds.packing import ENVOY_NAMES

FILES = (discovery_pb2, external_processing_pb2, resources_pb2)
ROOTS = {
    **{kind.DESCRIPTOR: name for kind, name in ENVOY_NAMES.items()},
    resources_pb2.Matcher.OnMatch.DESCRIPTOR: "xds.type.matcher.v3.MatcherOnMatch",
    discovery_pb2.DiscoveryRequest.DESCRIPTOR: "envoy.service.discovery.v3.DiscoveryRequest",
    discovery_pb2.DiscoveryResponse.DESCRIPTOR: "envoy.service.discovery.v3.DiscoveryResponse",
    external_processing_pb2.ProcessingRequest.DESCRIPTOR: "envoy.service.ext_proc.v3.ProcessingRequest",
    external_processing_pb2.ProcessingResponse.DESCRIPTOR: "envoy.service.ext_proc.v3.ProcessingResponse",
    external_processing_pb2.HeaderMap.DESCRIPTOR: "envoy.config.core.v3.HeaderMap",
}
"""The messages that nothing of ours holds, or holds only as bytes, with the names that Envoy has for them."""

KINDS = {
    FieldDescriptor.TYPE_BOOL: {"bool"},
    FieldDescriptor.TYPE_INT32: {"int32", "enum"},
    FieldDescriptor.TYPE_UINT32: {"uint32"},
    FieldDescriptor.TYPE_ENUM: {"enum"},
    FieldDescriptor.TYPE_STRING: {"string"},
    FieldDescriptor.TYPE_BYTES: {"bytes", "string", "message"},
    FieldDescriptor.TYPE_MESSAGE: {"message", "map"},
}
"""What is alike on the wire."""


def envoys(name: str) -> Any:
    """Envoy's class of a message, by its full name."""
    package, _, message = name.rpartition(".")
    return getattr(importlib.import_module(f"envoy_data_plane.{package}"), message)


def fields_of(theirs: Any) -> Any:
    """What Envoy says about each field of a message, by the field's name."""
    return theirs()._betterproto.meta_by_field_name


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def within(ours: Any, theirs: Any) -> Iterator[tuple[Descriptor, Any]]:
    """The messages that the fields of a message hold, each with Envoy's class of it."""
    held = theirs()._betterproto.cls_by_field
    for field in ours.fields:
        meta = fields_of(theirs)[field.name]
        if is_map(field):
            value = field.message_type.fields_by_name["value"].message_type
            if value is not None:
                yield value, held[f"{field.name}.value"]
        elif field.message_type is not None:
            yield field.message_type, meta.unwrap() if meta.unwrap else held[field.name]


def pairs() -> dict[Descriptor, Any]:
    """Every message of ours that is used somewhere, with Envoy's class of it."""
    found: dict[Descriptor, Any] = {}
    waiting: list[tuple[Any, Any]] = [(ours, envoys(name)) for ours, name in ROOTS.items()]
    while waiting:
        ours, theirs = waiting.pop()
        if ours in found:
            assert found[ours] is theirs, f"{ours.full_name} stands for two of Envoy's messages"
        elif ours.full_name.startswith("hyperplan."):
            found[ours] = theirs
            assert {field.name for field in ours.fields} <= set(fields_of(theirs)), ours.full_name
            waiting += within(ours, theirs)
    return found


PAIRS = pairs()


def declared(messages: Any) -> Iterator[Descriptor]:
    for message in messages:
        if not message.GetOptions().map_entry:
            yield message
            yield from declared(message.nested_types)


def test_every_message_is_used() -> None:
    ours = {message.full_name for file in FILES for message in declared(file.DESCRIPTOR.message_types_by_name.values())}
    assert len(ours) > 50
    assert ours == {message.full_name for message in PAIRS}


@pytest.mark.parametrize("ours", PAIRS, ids=lambda ours: ours.full_name)
def test_each_field_has_the_number_and_the_type_that_envoy_gives_it(ours: Descriptor) -> None:
    for field in ours.fields:
        meta = fields_of(PAIRS[ours])[field.name]
        assert field.number == meta.number, field.full_name
        assert meta.proto_type in KINDS[field.type], field.full_name
        assert field.is_repeated == (meta.repeated or meta.proto_type == "map"), field.full_name
        assert is_map(field) == (meta.proto_type == "map"), field.full_name
        if field.message_type is not None and is_map(field):
            for part, expected in zip(field.message_type.fields, meta.map_meta, strict=True):
                assert part.number == expected.number, part.full_name
                assert expected.proto_type in KINDS[part.type], part.full_name


@pytest.mark.parametrize("ours", PAIRS, ids=lambda ours: ours.full_name)
def test_what_excludes_each_other_does_so_for_envoy_too(ours: Descriptor) -> None:
    for field in ours.fields:
        if field.containing_oneof is not None:
            assert field.containing_oneof.name == fields_of(PAIRS[ours])[field.name].group, field.full_name


def test_well_known_messages_are_those_that_envoy_expects() -> None:
    known = [
        (held.full_name, theirs)
        for ours, envoy in PAIRS.items()
        for held, theirs in within(ours, envoy)
        if held.full_name.startswith("google.protobuf.")
    ]
    assert len(known) > 10
    assert [name.rpartition(".")[2] for name, _ in known] == [theirs.__name__ for _, theirs in known]


def test_each_name_of_an_enum_means_the_same_number_to_envoy() -> None:
    enums: list[tuple[EnumDescriptor, Any]] = [
        (field.enum_type, theirs()._betterproto.cls_by_field[field.name])
        for ours, theirs in PAIRS.items()
        for field in ours.fields
        if field.enum_type is not None
    ]
    assert len(enums) > 5
    for ours, theirs in enums:
        for value in ours.values:
            assert theirs(value.number).name == value.name, ours.full_name
