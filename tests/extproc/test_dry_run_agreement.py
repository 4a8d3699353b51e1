"""What a dry run says of a request is what the decide stage does with it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hyperplan.dry_run import dry_run
from hyperplan.plan import CompiledEndpoint
from tests.extproc.conversation import DOCUMENT, Conversation, Memory, decide_for

DOCUMENTS = (
    DOCUMENT,
    DOCUMENT.replace("sticky: true", "force_header: x-force-model"),
    DOCUMENT.replace("on_violation: reject", "on_violation: warn").replace(
        "entity: { feature: tailnum }", "entity: { header: x-user }"
    ),
)

rows = st.fixed_dictionaries(
    {
        "dep_delay": st.none() | st.floats(-100, 100),
        "carrier": st.sampled_from(["AA", "ZZ"]),
        "distance": st.integers(),
    },
    optional={"tailnum": st.none() | st.sampled_from(["N1", "N2", "\ud800"]), "x": st.just(1)},
)
bodies = st.binary(max_size=4) | st.lists(rows, max_size=2).map(lambda found: json.dumps({"instances": found}).encode())
headers = st.fixed_dictionaries(
    {},
    optional={
        "x-force-model": st.sampled_from(["gbm@1", "logit@1", "nobody@1"]),
        "x-user": st.sampled_from(["ada", "bob"]),
        "content-encoding": st.sampled_from(["gzip", "identity"]),
    },
)


def decided(
    document: str, sent: dict[str, str], body: bytes
) -> tuple[str | None, str | None, int | None, CompiledEndpoint]:
    """The arm and the mark that the stage sets, or the status with which it refuses; and the endpoint."""
    stage = decide_for(document, Memory())
    conversation = Conversation(stage.open({}))
    conversation.request_headers(sent)
    answer = conversation.request_body(body)
    endpoint = stage.plan.by_name["flight-delay"]
    if answer.HasField("immediate_response"):
        return None, None, answer.immediate_response.status.code, endpoint
    values: dict[str, Any] = {
        option.header.key: option.header.raw_value.decode()
        for option in answer.request_body.response.header_mutation.set_headers
    }
    arm = next(arm for arm, cluster in endpoint.arms.items() if cluster == values["x-hyperplan-arm"])
    return arm, values.get("x-hyperplan-violations"), None, endpoint


@given(st.sampled_from(DOCUMENTS), headers, bodies)
def test_a_dry_run_says_what_the_stage_does(document: str, sent: dict[str, str], body: bytes) -> None:
    arm, mark, status, endpoint = decided(document, sent, body)
    found = dry_run(endpoint, {name: value.encode() for name, value in sent.items()}, body)
    assert (found.outcome == "rejected", found.status, found.mark) == (arm is None, status, mark)
    assert arm is None or arm in [possible.arm for possible in found.arms]
    assert (len(found.arms) == 1) == (found.how in ("forced", "sticky"))
