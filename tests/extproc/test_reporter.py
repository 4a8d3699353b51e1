"""What a worker's stages tell is in its next report, once."""

from extproc.telemetry.frames import SampleFrame
from extproc.workers.reporter import MOST_WAITING, Reporter
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample


def a_sample() -> Sample:
    return Sample(prediction_id="p", time=1, endpoint="e", plan=1, revision=1, schema_version="v", inclusion=1.0)


def a_shadows_answer() -> ShadowSample:
    return ShadowSample(prediction_id="p", time=2, endpoint="e", revision=1, model="logit@1", inclusion=1.0)


def test_shadows_answers_are_reported_among_the_samples() -> None:
    reporter = Reporter()
    reporter.shadowed(a_shadows_answer(), None)
    reporter.sampled(a_sample(), None)
    frames = [SampleFrame.decode(frame) for frame in reporter.report([0, 0], [0, 0]).samples]
    assert [frame.event for frame in frames] == ["hyperplan.shadow", "hyperplan.sample"]
    assert ShadowSample.decode(frames[0].body) == a_shadows_answer()
    assert reporter.report([0, 0], [0, 0]).samples == []


def test_a_report_that_nobody_takes_grows_to_its_limit_and_counts_what_it_dropped() -> None:
    reporter = Reporter()
    for _ in range(MOST_WAITING):
        reporter.sampled(a_sample(), None)
    for _ in range(3):
        reporter.shadowed(a_shadows_answer(), None)
    report = reporter.report([0, 0], [0, 0])
    assert (len(report.samples), report.dropped) == (MOST_WAITING, 3)
    assert SampleFrame.decode(report.samples[-1]).event == "hyperplan.shadow"
