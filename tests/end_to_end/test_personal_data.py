"""What is personal reaches models and nothing else, and who is forgotten stays so: through Envoy, a sidecar of two workers and control."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hyperplan.plan import FEEDBACK_PATH
from hyperplan.secret import Secret
from tests.end_to_end.stacks import Hyperplan, Log, document, predictions, row, running, stack_in, until
from tests.envoy.running import ModelServer

pytestmark = pytest.mark.heavy
ModelServers = Callable[..., Awaitable[ModelServer]]

KEY = "0f" * 32
WHO = "jane.q.public-7391@example.org"
PASSPORT = "passport-C01X00T47"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def keyed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hyperplan]:
    """A stack whose processes have a key."""
    folder, log = tmp_path_factory.mktemp("keyed"), Log()
    (folder / "hyperplan.key").write_text(KEY + "\n")
    settings = {"workers": 2, "key_file": folder / "hyperplan.key"}
    async with running(stack_in(folder / "data", log, **settings), log) as hyperplan:
        yield hyperplan


def personal(name: str, model: ModelServer) -> dict[str, Any]:
    found = document(name, {"gbm@1": model.url()})
    found["schema"]["features"] |= {
        "who": {"type": "string", "required": False, "pii": "hash"},
        "passport": {"type": "string", "required": False, "pii": "drop"},
    }
    return found | {"slices": ["who"], "routing": {"split": {"gbm@1": 1}, "sticky": True}}


async def labels(hyperplan: Hyperplan, endpoint: str) -> int:
    found = await hyperplan.api.get(f"/v1/endpoints/{endpoint}/feedback", params={"since": "-1h"})
    return int(found.json()["labelled"])


async def test_what_is_personal_is_in_no_file_and_no_log_and_who_is_forgotten_stays_so(
    keyed: Hyperplan, model_server: ModelServers
) -> None:
    model, name = await model_server(), "personal"
    await keyed.apply(personal(name, model))
    answer = await keyed.predict(name, row(who=WHO, passport=PASSPORT, unheard_of=WHO))
    await keyed.predict(name, row(x=[WHO], who=WHO))
    await keyed.predict(name, row(who="somebody else"))
    assert any(WHO in str(request) for request in predictions(model)), "models see what the client sent"
    sample = await keyed.sample(name, answer)
    secret = Secret(KEY.encode())
    assert sample["entity"] == secret.entity(WHO)
    assert sample["slices"] == {"who": secret.value(WHO)}
    assert sample["rows"][0]["values"] == {"x": 1.0, "who": secret.value(WHO)}
    assert sample["rows"][0]["unknown"] == {"unheard_of": secret.value(WHO)}

    told = {"endpoint": name, "entity": WHO, "predicted_at": sample["time"], "label": 2.5}
    assert (await keyed.client.post(FEEDBACK_PATH, json=told)).status_code == 202
    await until(lambda: _counted(keyed, name, 1))
    assert len((await keyed.api.get(f"/v1/endpoints/{name}/samples", params={"entity": WHO})).json()) == 2

    await asyncio.to_thread(_in_no_file, keyed.stack.settings.data, WHO, PASSPORT, KEY)
    said = "\n".join(line for _, line in keyed.log.lines)
    assert not any(text in said for text in (WHO, PASSPORT, KEY))

    erased = (await keyed.api.delete(f"/v1/entities/{WHO}")).json()
    assert (erased["samples"], erased["shadows"], erased["feedback"]) == (2, 0, 1)
    assert [place["endpoint"] for place in erased["endpoints"]] == [name]
    assert (await keyed.client.post(FEEDBACK_PATH, json=told)).status_code == 202
    late = {"endpoint": name, "prediction_id": sample["prediction_id"], "label": 1.0}
    assert (await keyed.client.post(FEEDBACK_PATH, json=late)).status_code == 202
    again = await keyed.predict(name, row(who=WHO))
    await keyed.sample(name, again)  # it came after the feedback, the same way
    assert await labels(keyed, name) == 0
    samples = (await keyed.api.get(f"/v1/endpoints/{name}/samples", params={"entity": WHO})).json()
    assert [one["prediction_id"] for one in samples] == [again.headers["x-hyperplan-prediction-id"]]
    assert len((await keyed.api.get(f"/v1/endpoints/{name}/samples")).json()) == 2, "the other one is still there"


async def _counted(hyperplan: Hyperplan, endpoint: str, count: int) -> bool:
    return await labels(hyperplan, endpoint) == count


def _in_no_file(folder: Path, *texts: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".duckdb" for path in files)
    for path in files:
        content = path.read_bytes()
        for text in texts:
            assert text.encode() not in content, (path, text)
            assert json.dumps(text)[1:-1].encode() not in content, (path, text)
