"""The commands that talk to control, against a real one."""

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import duckdb
import httpx
import msgspec
import pytest

from cli.addresses import claim
from cli.commands import endpoints, monitoring
from cli.failure import Failure
from extproc.plans import ControlSource
from extproc.plans.keeper import Status
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import Plan
from tests.extproc.conversation import DOCUMENT

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a control."""
    listen, otlp = claim("127.0.0.1:0", "--listen"), claim("127.0.0.1:0", "--otlp-listen")
    data = tmp_path_factory.mktemp("control")
    arguments = ["control", "--listen", str(listen), "--otlp-listen", str(otlp), "--data", str(data)]
    with subprocess.Popen([sys.executable, "-m", "cli.main", *arguments], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not _is_ready(listen.url):
            assert process.poll() is None
            assert time.monotonic() < deadline, "control did not start"
            time.sleep(0.05)
        yield listen.url
        process.terminate()


@pytest.fixture
def run(control: str) -> Run:
    """Runs a command against control."""
    return lambda *arguments, text=None: hyperplan(*arguments, "--control", control, text=text)


def hyperplan(*arguments: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False, env=environment)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.HTTPError:
        return False


@contextmanager
def following(control: str, refusing: str | None = None) -> Iterator[None]:
    """A sidecar as control sees it, which applies each plan at once, or refuses it."""
    status = Status(0)

    async def follow() -> None:
        nonlocal status
        async for plan in source.plans(Plan(0)):
            assert isinstance(plan, Plan)
            status = Status(0, plan.number, refusing) if refusing else Status(plan.number)

    source = ControlSource(urlsplit(control), "follower", lambda: status)
    thread = Thread(target=lambda: asyncio.run(follow()))
    thread.start()
    try:
        yield
    finally:
        source.stop()
        thread.join()


def document(name: str) -> str:
    """A document of an endpoint of one's own."""
    return DOCUMENT.replace("flight-delay", name)


def test_a_document_is_applied_and_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "endpoint.yaml").write_text(document("applied"))
    assert run("apply", "-f", str(tmp_path / "endpoint.yaml")).stdout == "applied: revision 1\n"
    shown = run("get", "applied").stdout
    assert "gbm@1" in shown
    assert "dep_delay" in shown
    assert "applied" in run("get").stdout


def test_a_document_can_come_from_standard_input(run: Run) -> None:
    assert run("apply", "-f", "-", text=document("piped")).returncode == 0


def test_applying_the_same_again_changes_nothing(run: Run) -> None:
    answers = [json.loads(run("apply", "-f", "-", "--json", text=document("same")).stdout) for _ in range(2)]
    assert [answer[0]["revision"] for answer in answers] == [1, 1]


def test_a_bad_document_is_refused_with_every_place_and_its_line(run: Run) -> None:
    bad = document("bad").replace("min: -60", "min: 60, max: 5").replace("gbm@1: 50", "gmb@1: 50")
    done = run("apply", "-f", "-", text=bad)
    assert done.returncode == 1
    assert "line 10: /schema/features/dep_delay/min" in done.stderr
    assert "/routing/split/gmb@1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_named(run: Run) -> None:
    done = run("apply", "-f", "nowhere.yaml")
    assert (done.returncode, done.stderr) == (1, "error: nowhere.yaml cannot be read: No such file or directory\n")


def test_a_split_is_edited_with_its_author_and_reason(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=document("routed"))
    done = run(
        "route", "routed", "--split", "gbm@1=10,logit@1=90", "--author", "Ada Müller", "--reason", "wächst", "--json"
    )
    assert json.loads(done.stdout) == {"endpoint": "routed", "revision": 2}
    newest = httpx.get(f"{control}/v1/endpoints/routed/revisions").json()["revisions"][0]
    assert (newest["change"], newest["author"], newest["reason"]) == ("routing", "Ada Müller", "wächst")
    assert httpx.get(f"{control}/v1/endpoints/routed/routing").json()["split"] == {"gbm@1": 10, "logit@1": 90}


def test_a_split_that_names_no_model_is_refused(run: Run) -> None:
    run("apply", "-f", "-", text=document("unrouted"))
    done = run("route", "unrouted", "--split", "nobody@1=100")
    assert done.returncode == 1
    assert "nobody@1" in done.stderr


@pytest.mark.parametrize("split", ["gbm@1", "gbm@1=", "=5", "gbm@1=x", "gbm@1=1,,logit@1=2"])
def test_a_malformed_split_is_explained(run: Run, split: str) -> None:
    done = run("route", "any", "--split", split)
    assert done.returncode == 1
    assert "must be model=weight" in done.stderr


def test_a_split_that_names_an_arm_twice_is_refused(run: Run) -> None:
    done = run("route", "any", "--split", "gbm@1=1,gbm@1=2")
    assert (done.returncode, done.stderr) == (1, "error: --split: names 'gbm@1' twice; give each arm one weight\n")


def test_an_edit_is_rolled_back(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=document("rolled"))
    run("route", "rolled", "--split", "gbm@1=10,logit@1=90")
    assert run("rollback", "rolled", "--to", "1").stdout == "rolled: revision 3\n"
    assert httpx.get(f"{control}/v1/endpoints/rolled/routing").json()["split"] == {"gbm@1": 50, "logit@1": 50}


def test_what_is_not_named_in_an_edit_of_the_routing_stays(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=document("edited"))
    split = httpx.get(f"{control}/v1/endpoints/edited/routing").json()["split"]
    run("route", "edited", "--fallback", "logit@1", "--no-sticky", "--default", "gbm@1", "--force-header", "x-arm")
    after = httpx.get(f"{control}/v1/endpoints/edited/routing").json()
    assert after == {"split": split, "fallback": ["logit@1"], "default": "gbm@1", "force_header": "x-arm"}
    run("route", "edited", "--fallback", "none", "--default", "none", "--force-header", "none")
    assert httpx.get(f"{control}/v1/endpoints/edited/routing").json() == {"split": split}


def test_an_edit_of_nothing_is_refused(run: Run) -> None:
    done = run("route", "any")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing to change" in done.stderr


def test_a_dry_run_says_who_would_answer(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("tried"))
    body = tmp_path / "body.json"
    body.write_text('{"instances": [{"dep_delay": 3.5, "carrier": "ZZ", "distance": 500, "tailnum": "N14228"}]}')
    told = run("dry-run", "tried", "--data", f"@{body}", "--split", "logit@1=1").stdout
    assert told.startswith("tried revision 1: routed, sticky by the feature tailnum: N14228\n")
    assert "logit@1, then gbm@1" in told
    assert "category" in told
    found = json.loads(run("dry-run", "tried", "-d", "@-", "-H", "content-encoding: gzip", "--json", text="{}").stdout)
    assert (found["status"], found["flaw"]) == (415, "encoding")


def test_a_header_that_is_none_is_refused(run: Run) -> None:
    done = run("dry-run", "any", "-H", "x-user-id")
    assert done.returncode == 1
    assert "like 'x-user-id: 7'" in done.stderr


def test_a_model_is_drained_but_not_the_last(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=document("drained"))
    assert run("drain", "drained", "logit@1").stdout == "drained: revision 2\n"
    assert httpx.get(f"{control}/v1/endpoints/drained/routing").json()["split"] == {"gbm@1": 50.0}
    last = run("drain", "drained", "gbm@1")
    assert last.returncode == 1
    assert "nobody would be left" in last.stderr


def test_an_edit_is_waited_for_until_each_sidecar_has_it(run: Run, control: str) -> None:
    with following(control):
        run("apply", "-f", "-", "--wait", text=document("followed"))
        done = run("route", "followed", "--split", "gbm@1=1,logit@1=1", "--wait")
        assert (done.stdout, done.returncode) == ("followed: revision 2, in force on 1 sidecar\n", 0)
        told = json.loads(run("drain", "followed", "logit@1", "--wait", "--json").stdout)
        assert told["sidecars"][0]["applied"] == told["plan"]


def test_a_sidecar_that_refuses_an_edit_that_is_waited_for_is_named(run: Run, control: str) -> None:
    with following(control, refusing="no such cluster"):
        done = run("apply", "-f", "-", "--wait", text=document("refused"))
    assert done.returncode == 1
    assert "sidecar follower refuses plan" in done.stderr
    assert "no such cluster" in done.stderr


def test_revisions_and_what_they_changed_are_shown(run: Run) -> None:
    run("apply", "-f", "-", "--author", "ada", text=document("told"))
    run("route", "told", "--split", "gbm@1=1,logit@1=50", "--author", "bob", "--reason", "canary [fine]")
    assert run("diff", "told").stdout == "told: revision 1 to 2\n~ /routing/split/gbm@1: 50.0 -> 1.0\n"
    assert run("diff", "told", "--from", "2", "--to", "2").stdout == "told: revision 2 to 2\nnothing differs\n"
    changes = json.loads(run("diff", "told", "--from", "2", "--to", "1", "--json").stdout)["changes"]
    assert changes == [{"pointer": "/routing/split/gbm@1", "before": 1.0, "after": 50.0}]
    newest, oldest = run("revisions", "told").stdout.splitlines()[3:5]
    assert [part in newest for part in ("2", "routing", "bob", "canary [fine]")] == [True] * 4
    assert [part in oldest for part in ("1", "apply", "ada")] == [True] * 3
    assert len(json.loads(run("revisions", "told", "--limit", "1", "--json").stdout)["revisions"]) == 1


def test_an_endpoint_that_was_deleted_is_rolled_back_to_what_it_was(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=document("risen"))
    httpx.delete(f"{control}/v1/endpoints/risen", headers={"if-match": "1"}).raise_for_status()
    assert run("rollback", "risen", "--to", "1").stdout == "risen: revision 3\n"


def test_shadows_are_shown_though_none_has_answered_yet(run: Run) -> None:
    run("apply", "-f", "-", text=document("shadowed").replace("routing:", "routing:\n  shadow: [logit@1]"))
    assert "logit@1: 0 sampled answers" in run("shadow", "shadowed", "--since", "-15m").stdout
    found = json.loads(run("shadow", "shadowed", "--json", "--threshold", "0.3").stdout)
    assert (found["threshold"], found["shadows"][0]["model"]) == (0.3, "logit@1")


def test_a_period_that_cannot_be_read_is_explained(run: Run) -> None:
    run("apply", "-f", "-", text=document("timed"))
    done = run("shadow", "timed", "--since", "yesterday")
    assert done.returncode == 1
    assert "?since: must be a time like" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_endpoint_is_named_with_those_that_exist(run: Run) -> None:
    run("apply", "-f", "-", text=document("known"))
    done = run("get", "unknown")
    assert done.returncode == 1
    assert "unknown" in done.stderr
    assert "known" in done.stderr


def test_training_data_becomes_a_reference(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("profiled"))
    path = tmp_path / "train.parquet"
    duckdb.execute(
        "COPY (SELECT i / 2.0 AS dep_delay, 'AA' AS carrier, i AS distance, 'N1' AS tailnum FROM range(1000) t(i)) "
        f"TO '{path}' (FORMAT parquet)"
    )
    done = run("profile", str(path), "--endpoint", "profiled", "--model", "gbm@1", "--json")
    kept = json.loads(done.stdout)
    assert (kept["rows"], kept["features"]) == (1000, ["carrier", "dep_delay", "distance", "tailnum"])


def test_training_data_without_a_feature_is_refused_by_its_name(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("incomplete"))
    (tmp_path / "train.csv").write_text("dep_delay,carrier\n1,AA\n")
    done = run("profile", str(tmp_path / "train.csv"), "--endpoint", "incomplete", "--model", "gbm@1")
    assert done.returncode == 1
    assert "distance" in done.stderr


def test_what_was_scored_elsewhere_is_imported_once(run: Run, control: str, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("imported"))
    path = tmp_path / "scored.parquet"
    duckdb.execute(
        "COPY (SELECT i / 2.0 AS dep_delay, 'AA' AS carrier, i AS distance, 'N1' AS tailnum, i / 1e4 AS score, 0 AS label, "
        f"TIMESTAMP '2026-03-01 12:00:00' + to_milliseconds(i) AS at FROM range(6000) t(i)) TO '{path}'"
    )
    arguments = ["samples", "import", str(path), "--endpoint", "imported", "--model", "gbm@1", "--json"]
    for _ in range(2):
        done = run(*arguments, "--time-column", "at", "--prediction-column", "score")
        assert json.loads(done.stdout) == {"samples": 6000, "left_alone": ["label"]}, done.stderr
    period = {"since": "2026-03-01T12:00:00Z", "until": "2026-03-01T12:01:00Z"}
    total = httpx.get(f"{control}/v1/endpoints/imported/skew", params=period).json()["total"]
    assert (total["rows"], total["outputs"]["prediction"]["rows"]) == (6000, 6000)
    newest = httpx.get(f"{control}/v1/endpoints/imported/samples", params=period | {"limit": 1}).json()[0]
    assert (newest["time"], newest["predictions"]) == ("2026-03-01T12:00:05.999000Z", [0.5999])


def test_what_control_does_not_take_of_a_file_is_told_with_its_rows(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("refusing"))
    (tmp_path / "scored.csv").write_text("dep_delay,at\n1,1e9\nx,2e9\n")
    arguments = ["samples", "import", str(tmp_path / "scored.csv"), "--endpoint", "refusing", "--time-column", "at"]
    done = run(*arguments, "--model", "nobody@1")
    assert done.returncode == 1
    assert "rows 1 to 2, of which /0 is the first" in done.stderr
    assert "/1/model: 'nobody@1' is no model of 'refusing'" in done.stderr


def test_labels_of_a_file_are_told_for_the_predictions_that_its_columns_name(
    run: Run, control: str, tmp_path: Path
) -> None:
    run("apply", "-f", "-", text=document("labelled"))
    path = tmp_path / "scored.parquet"
    duckdb.execute(
        "COPY (SELECT i / 2.0 AS dep_delay, 'AA' AS carrier, i AS distance, 'N' || i AS tailnum, 'p-' || i AS id, i % 2 = 1 AS late, "
        f"TIMESTAMP '2026-03-01 12:00:00' + to_seconds(i) AS at FROM range(100) t(i)) TO '{path}'"
    )
    to = ("--endpoint", "labelled")
    run("samples", "import", str(path), *to, "--model", "gbm@1", "--time-column", "at", "--id-column", "id")
    file = ("feedback", "import", str(path), *to, "--label-column", "late", "--json")
    by_entity = run(*file, "--entity-column", "tailnum", "--time-column", "at", "--tolerance", "0.5")
    assert json.loads(by_entity.stdout) == {"feedback": 100}, by_entity.stderr
    assert json.loads(run(*file, "--id-column", "id").stdout) == {"feedback": 100}
    done = run("feedback", "send", *to, "--id", "p-1", "--label", "false", "--revision", "1")
    assert (done.returncode, done.stdout) == (0, "labelled: told\n"), done.stderr
    period = {"since": "2026-03-01T12:00:00Z", "until": "2026-03-01T13:00:00Z"}
    coverage = httpx.get(f"{control}/v1/endpoints/labelled/feedback", params=period).json()
    assert coverage == {"samples": 100, "labelled": 100, "unsampled": 0, "ambiguous": 0}
    labels = [httpx.get(f"{control}/v1/endpoints/labelled/samples/p-{i}").json()["feedback"] for i in (1, 3)]
    assert [[told["label"] for told in one] for one in labels] == [[0.0], [1.0]]


def test_feedback_that_names_no_prediction_or_holds_no_label_is_a_sentence(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("untold"))
    (tmp_path / "labels.csv").write_text("id,late\np-1,1\np-2,perhaps\n")
    file = ("feedback", "import", str(tmp_path / "labels.csv"), "--endpoint", "untold", "--label-column", "late")
    nameless = run(*file)
    assert (nameless.returncode, "give --id-column" in nameless.stderr) == (1, True)
    bad = run(*file, "--id-column", "id")
    assert "rows 1 to 2, of which /0 is the first" in bad.stderr
    assert "/1/label" in bad.stderr
    lost = run("feedback", "send", "--endpoint", "untold", "--label", "1")
    assert "/prediction_id: is missing" in lost.stderr


def test_a_control_that_is_away_is_a_sentence() -> None:
    away = claim("127.0.0.1:0", "--control").url
    done = hyperplan("get", "--control", away)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: control at {away} cannot be reached")


@pytest.mark.parametrize("name", ["shown/routing", "..", "", "Shown", "shown?x"])
def test_what_can_be_no_name_of_an_endpoint_is_asked_for_nowhere(control: str, name: str) -> None:
    commands: list[Callable[[], None]] = [
        lambda: endpoints.get(name, control),
        lambda: endpoints.route(name, "gbm@1=1", control),
        lambda: endpoints.rollback(name, 1, control),
        lambda: monitoring.profile(Path("train.parquet"), name, "gbm@1", control=control),
    ]
    for command in commands:
        with pytest.raises(Failure, match="is no name of an endpoint"):
            command()


@pytest.mark.parametrize("url", ["", "localhost:7070", "http://[::1", "ftp://127.0.0.1"])
def test_a_control_that_is_no_url_is_refused_by_the_name_of_the_option(url: str) -> None:
    with pytest.raises(Failure, match="--control must be a URL"):
        endpoints.get(control=url)


def test_a_server_that_is_not_control_is_told_from_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "v1" / "endpoints").mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = hyperplan("get", "--control", url + "/")
        server.shutdown()
        serving.join()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: what answers at {url} is not control")


@pytest.mark.parametrize("command", ["up", "demo", "envoy-config"])
def test_traces_that_lead_nowhere_are_refused_at_once(command: str) -> None:
    done = hyperplan(command, "--traces", "http://jaeger")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: --traces must be a URL like http://127.0.0.1:4317, not 'http://jaeger'\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = hyperplan("sidecar", "--run", str(tmp_path / "file" / "run"), "--data", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, f"error: {tmp_path}/file/run: Not a directory\n")


def test_one_address_for_two_purposes_is_refused_before_anything_starts() -> None:
    address = str(claim("127.0.0.1:0", "--listen"))
    done = hyperplan("up", "--listen", address, "--control", address)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: cannot listen on {address}: Address already in use; choose another address with --control\n"
    )


def test_a_configuration_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    done = hyperplan("envoy-config", "--output", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, f"error: {tmp_path} cannot be written: Is a directory\n")


@pytest.mark.parametrize(
    ("command", "default"), [("sidecar", "http://127.0.0.1:7070"), ("envoy-config", "the unix socket admin.sock")]
)
def test_help_tells_what_an_option_is_when_it_is_left_out(command: str, default: str) -> None:
    shown = " ".join(hyperplan(command, "--help").stdout.replace("│", " ").split())
    assert f"[default: ({default}" in shown


@pytest.mark.parametrize("command", ["experiment plan", "export", "rollout start"])
def test_the_paragraphs_of_help_fill_the_terminal_wherever_docstrings_break_their_lines(command: str) -> None:
    said = hyperplan(*command.split(), "--help").stdout.partition("╭")[0]
    paragraphs = [text.strip().splitlines() for text in re.split(r"\n\s*\n", said) if text.strip()]
    broken = [line for lines in paragraphs for line in lines[:-1]]
    assert broken
    assert min(len(line.strip()) for line in broken) > 170


def test_a_problem_of_a_whole_document_names_no_place_in_it(run: Run) -> None:
    done = run("apply", "-f", "-", text="")
    assert done.stderr == "error: standard input is not valid\n  the document is empty\n"


def test_an_error_can_be_read_by_machines(run: Run) -> None:
    found = json.loads(run("apply", "-f", "-", "--json", text=document("bad").replace("min: -60", "min: x")).stdout)
    assert found["errors"][0]["pointer"] == "/schema/features/dep_delay/min"


def test_training_data_is_written_to_a_file_which_a_refusal_leaves_alone(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("exported"))
    file = tmp_path / "rows.parquet"
    told = json.loads(run("export", "--endpoint", "exported", "-o", str(file), "--json").stdout)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    size = file.stat().st_size
    assert told == {"endpoint": "exported", "file": str(file), "bytes": size, "hash": f"sha256:{digest}"}
    assert f"sha256:{digest}" in run("export", "--endpoint", "exported", "-o", str(file)).stdout
    described = duckdb.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
    assert ("dep_delay", "DOUBLE") in [row[:2] for row in described]
    before = file.read_bytes()
    refused = run("export", "--endpoint", "nowhere", "-o", str(file))
    assert (refused.returncode, file.read_bytes()) == (1, before)
    assert "nowhere" in refused.stderr
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--keep", "30"], "--keep '30' is no length of time: write 30d"),
        (["--keep-bytes", "20 furlongs"], "--keep-bytes '20 furlongs' is no size: write 20GB"),
        (["--store", "mysql://user:secret@host/x"], "'mysql://user:***@host/x' is no store: give postgresql://"),
        (["--registry", "mysql://user:secret@host/x"], "'mysql://user:***@host/x' is no registry: give postgresql://"),
        (["--store", "postgresql://user:secret@127.0.0.1:1/x"], "postgresql://user:***@127.0.0.1:1/x cannot be opened"),
    ],
)
def test_a_place_or_an_age_that_cannot_be_is_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    listen = ["--listen", "127.0.0.1:0", "--otlp-listen", "127.0.0.1:0", "--data", str(tmp_path)]
    done = hyperplan("control", *listen, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


LINEAGE: dict[str, object] = {
    "algorithm": "gbm",
    "parameters": {"rate": 0.1},
    "data": {"hash": "e3b0"},
    "code_revision": "4fd2",
}


def with_lineages(name: str, **lineages: dict[str, object]) -> str:
    """A document as JSON, with lineages of its models."""
    plain = msgspec.to_builtins(parse_endpoint(document(name)))
    for model, lineage in lineages.items():
        plain["models"][f"{model}@1"]["lineage"] = lineage
    return json.dumps(plain)


def test_models_are_shown_and_compared_with_their_lineage_and_a_repeat_is_noted(run: Run) -> None:
    done = run("apply", "-f", "-", text=with_lineages("made", gbm=LINEAGE, logit=LINEAGE | {"author": "[ada]"}))
    note = "logit@1 repeats gbm@1 (revision 1): the same data, code and parameters"
    assert done.returncode == 0
    shown = run("models", "show", "made").stdout
    assert "e3b0" in shown
    assert "[ada]" in shown
    whole = run("models", "show", "made", "logit@1").stdout
    assert "lineage.parameters.rate" in whole
    compared = run("models", "compare", "made", "gbm@1", "logit@1").stdout
    assert "lineage.data.hash" in compared
    assert [text.count(note) for text in (shown, whole, compared)] == [1, 1, 1]
    assert json.loads(run("models", "show", "made", "gbm@1", "--json").stdout)["document"]["lineage"] == LINEAGE
    again = run("apply", "-f", "-", text=with_lineages("again", gbm=LINEAGE))
    assert "note: gbm@1 repeats gbm@1 of made (revision 1): the same data, code and parameters" in again.stdout


def test_a_prediction_is_explained_by_its_id(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=with_lineages("explained", gbm=LINEAGE))
    row = {"dep_delay": 5, "carrier": "AA", "new_field": "secret"}
    sample = {"endpoint": "explained", "model": "gbm@1", "prediction_id": "e-1", "rows": [row], "predictions": [0.25]}
    assert httpx.post(f"{control}/v1/samples", json=sample).is_success
    run("feedback", "send", "--endpoint", "explained", "--id", "e-1", "--label", "true", "--source", "desk")
    told = run("explain", "e-1").stdout
    for said in (
        "e-1 of explained: gbm@1 was chosen",
        "dep_delay=5",
        "set by",
        "label 1",
        "from desk",
        "data.hash: e3b0",
    ):
        assert said in told
    assert "secret" not in told
    assert json.loads(run("explain", "e-1", "--json").stdout)["answer"]["predictions"] == [0.25]


def test_a_prediction_that_was_never_sampled_and_one_that_is_none_are_told_apart(run: Run) -> None:
    run("apply", "-f", "-", text=document("unsampled"))
    run("feedback", "send", "--endpoint", "unsampled", "--id", "u-1", "--label", "true")
    assert "it was not sampled" in run("explain", "u-1").stdout
    done = run("explain", "u/2?")
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("show", "made", "nobody@1"), ("compare", "made", "gbm@1", "nobody@1")])
def test_a_model_that_there_never_was_is_told_in_a_sentence(run: Run, arguments: tuple[str, ...]) -> None:
    run("apply", "-f", "-", text=document("made"))
    done = run("models", *arguments)
    assert done.returncode == 1
    assert "made never had a model 'nobody@1'; it had: gbm@1" in done.stderr


def test_an_import_must_name_the_run(run: Run) -> None:
    done = run("models", "import", "made", "gbm@1", "--mlflow", "http://127.0.0.1:9")
    assert "give --run, or --registered, one of the two" in done.stderr
    away = run("models", "import", "made", "gbm@1", "--mlflow", "http://127.0.0.1:9", "--run", "r")
    assert "MLflow at http://127.0.0.1:9 cannot be reached" in away.stderr
