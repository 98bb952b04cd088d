"""`forensics calibrate` from tables and from reports: what it writes, says and refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import media
import pytest
from calibrations import FILES, normal_table, write_scores
from click.testing import Result
from command_line import assert_refused
from command_line import run as command_line
from stubs import StubDetector, stub_models

from forensics.calibration import crossval
from forensics.calibration.facts import Range
from forensics.calibration.file import load_calibration
from forensics.calibration.reports import read_reports, setup_of, video_score
from forensics.errors import CalibrationError, ExitCode, ReportError
from forensics.findings import Reason
from forensics.pipeline import analyze_video
from forensics.report.json import FILE_NAME, write_json
from forensics.report.model import Report
from forensics.settings import AnalysisSettings
from video.sampling import Sampling


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossval, "RESAMPLES", 20)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report of the detectors `a` and `b` on a clip of one person."""
    clip = media.h264(tmp_path_factory.mktemp("clip") / "clip.mp4", count=4)
    models = stub_models(StubDetector("a", lambda _: 1.0), StubDetector("b", lambda _: -1.0))
    settings = AnalysisSettings(sampling=Sampling.all(), detectors=("a", "b"), device="cpu")
    return analyze_video(clip, dataclasses.replace(models, files=FILES), settings)


def variant(report: Report, video: str, scores: dict[str, float | None], size_pixels: float) -> Report:
    """The report as it were of another video, with these mean scores and this size of face."""
    runs = []
    for run in report.detectors:
        assert run.finding is not None
        (track,) = run.finding.tracks
        finding = dataclasses.replace(
            run.finding, tracks=(dataclasses.replace(track, mean_score=scores[run.name]),)
        )
        runs.append(dataclasses.replace(run, finding=finding))
    return dataclasses.replace(
        report,
        evidence=dataclasses.replace(report.evidence, file_name=video),
        detectors=tuple(runs),
        faces=tuple(dataclasses.replace(face, size_pixels=size_pixels) for face in report.faces),
    )


def write_reports(folder: Path, reports: Iterable[Report]) -> None:
    for report in reports:
        place = folder / Path(report.evidence.file_name).stem
        place.mkdir(parents=True)
        write_json(report, place)


@pytest.fixture
def material(tmp_path: Path, report: Report) -> Path:
    """A folder with reports on 24 videos and `labels.csv`, which lists a video more."""
    table = normal_table(12, detectors=("a", "b"))
    write_reports(
        tmp_path / "out",
        [
            variant(report, one.labelled.video, dict(one.scores), 50.0 + index)
            for index, one in enumerate(table.videos)
        ],
    )
    lines = ["video,label,group", "unseen.mp4,real,z"]
    lines += [
        f"{one.labelled.video},{int(one.labelled.manipulated)},g{index}"
        for index, one in enumerate(table.videos)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return command_line("calibrate", *arguments)


def test_a_table_and_a_report_give_a_calibration_bound_to_its_weights(tmp_path: Path, report: Report) -> None:
    table = write_scores(tmp_path / "scores.csv", normal_table(20))
    path = tmp_path / "c.json"
    result = run(
        *(table, "--weights-of", write_json(report, tmp_path), "--detector", "a"),
        *("-o", path, "--describe", "my cameras"),
    )
    assert result.exit_code == 0, result.output
    made = load_calibration(path)
    assert made.data.description == "my cameras"
    assert [one.name for one in made.weights] == ["a-head", "faces", "identities"]
    assert made.settings["sampling"] == "all"
    assert made.check(report.weights, report.settings, path=path) == ()
    assert "a, logistic: 20 manipulated and 20 other videos in 20 groups" in result.stdout
    assert f"  AUC          {made.figures.auc.value:.2f} [" in result.stdout
    assert f"written: {path}" in result.stdout
    assert "nothing is known of how faces were seen" in result.stderr
    assert made.conditions is None


def test_reports_and_labels_give_scores_conditions_and_weights(material: Path) -> None:
    path = material / "c.json"
    result = run(
        *(material / "labels.csv", "--from-reports", material / "out", "--detector", "a", "-o", path),
        *("--method", "isotonic"),
    )
    assert result.exit_code == 0, result.output
    made = load_calibration(path)
    scores = normal_table(12, detectors=("a", "b")).scores[:, 0]
    assert (made.inputs[0].score.low, made.inputs[0].score.high) == (scores.min(), scores.max())
    assert made.conditions is not None
    assert (made.conditions.size_pixels.low, made.conditions.size_pixels.high) == (50.0, 73.0)
    assert (made.conditions.people, made.conditions.least_frames) == (Range(1, 1), 4)
    assert "faces seen: 50 to 73 px, sharpness" in result.stdout
    assert "4 or more scored frames, people in a video: 1" in result.stdout
    assert "nothing is known of how faces were seen" not in result.stderr
    assert "an ECE of 2 bins says little" in result.stdout
    assert made.data.left_out == 1
    assert made.data.groups == 24
    assert [one.name for one in made.data.sources][:2] == ["labels.csv", "0000/report.json"]
    assert "left out: 1 labelled video" in result.stderr
    assert "no groups given" not in result.stderr


def test_several_detectors_are_fused_only_when_asked_for(material: Path, tmp_path: Path) -> None:
    path = material / "c.json"
    arguments = (material / "labels.csv", "--from-reports", material / "out", "-o", path)
    both = ("--detector", "a", "--detector", "b")
    assert_refused(run(*arguments, *both), ExitCode.USAGE, "--fuse", "a, b")
    assert_refused(
        run(*arguments, "--fuse", "--detector", "a"), ExitCode.USAGE, "--fuse needs", "here are a;"
    )
    result = run(*arguments, *both, "--fuse")
    assert result.exit_code == 0, result.output
    assert load_calibration(path).detectors == ("a", "b")
    assert "a + b, logistic" in result.stdout
    table = write_scores(tmp_path / "scores.csv", normal_table(12, detectors=("a", "b")))
    one_report = material / "out" / "0000" / FILE_NAME
    result = run(table, "--weights-of", one_report, "--fuse", "-o", path, "--overwrite")
    assert result.exit_code == 0, result.output
    assert [one.name for one in load_calibration(path).weights] == ["a-head", "b-head", "faces", "identities"]


def test_nothing_is_written_over_or_written_when_refused(tmp_path: Path, report: Report) -> None:
    table = write_scores(tmp_path / "scores.csv", normal_table(9))
    weights = ("--weights-of", write_json(report, tmp_path), "--detector", "a")
    path = tmp_path / "c.json"
    assert_refused(run(table, *weights, "-o", path), ExitCode.INPUT, "scores.csv", "a calibration needs 10")
    assert not path.exists()
    path.write_text("mine")
    assert_refused(run(table, *weights, "-o", path), ExitCode.USAGE, "c.json", "--overwrite")
    assert path.read_text() == "mine"


def test_scores_without_a_report_are_refused(tmp_path: Path, report: Report) -> None:
    table = write_scores(tmp_path / "scores.csv", normal_table(12))
    path = tmp_path / "c.json"
    assert_refused(run(table, "-o", path), ExitCode.USAGE, "--weights-of")
    one_report = write_json(report, tmp_path)
    both = ("--weights-of", one_report, "--from-reports", tmp_path)
    assert_refused(run(table, *both, "-o", path), ExitCode.USAGE, "--weights-of")
    # Without a name in the table it is repdfd, which did not run here.
    assert_refused(run(table, "--weights-of", one_report, "-o", path), ExitCode.INPUT, "repdfd did not run")
    assert_refused(run(table, "--weights-of", table, "-o", path), ExitCode.INPUT, "scores.csv", "is damaged")
    absent = ("--weights-of", tmp_path / "absent.json")
    assert_refused(run(table, *absent, "-o", path), ExitCode.INPUT, "absent.json", "cannot be read")


def test_a_video_whose_faces_could_not_be_judged_is_left_out(material: Path, report: Report) -> None:
    silent = variant(report, "unseen.mp4", {"a": None, "b": 1.0}, 60.0)
    write_reports(material / "out", [silent])
    table, _ = read_reports(material / "out", material / "labels.csv", ("a",))
    assert len(table.videos) == 24
    assert table.left_out == 1
    table, _ = read_reports(material / "out", material / "labels.csv", ("b",))
    assert table.left_out == 0


def test_the_score_is_that_of_the_most_suspicious_track_and_its_faces_are_the_conditions(
    tmp_path: Path, report: Report
) -> None:
    run_a = report.detectors[0]
    assert run_a.finding is not None
    (calm,) = run_a.finding.tracks
    unjudged = dataclasses.replace(calm, track=2, reason=Reason.TOO_FEW_FRAMES)
    tracks = (calm, dataclasses.replace(calm, track=1, mean_score=2.5, scored=7), unjudged)
    finding = dataclasses.replace(run_a.finding, most_suspicious=1, tracks=tracks)
    calm_face, *_, silent_face = report.faces
    suspicious = dataclasses.replace(calm_face, track=1, size_pixels=90.0)
    no_score = dataclasses.replace(silent_face.scores[0], score=None, abstained="blurred")
    silent = dataclasses.replace(suspicious, size_pixels=10.0, scores=(no_score,))
    faces = (calm_face, calm_face, suspicious, silent, silent)
    two = dataclasses.replace(report, detectors=(dataclasses.replace(run_a, finding=finding),), faces=faces)
    write_reports(tmp_path / "out", [two])
    (tmp_path / "labels.csv").write_text("video,label\nclip.mp4,fake\n")
    table, _ = read_reports(tmp_path / "out", tmp_path / "labels.csv", ("a",))
    (video,) = table.videos
    assert video.scores == {"a": 2.5}
    assert video.conditions is not None
    assert video.conditions.size_pixels == 90.0
    assert (video.conditions.people, video.conditions.scored_frames) == (2, 7)


def test_a_whole_picture_has_one_score_unless_there_are_too_few_frames(report: Report) -> None:
    finding = report.detectors[0].finding
    assert finding is not None
    picture = dataclasses.replace(finding.tracks[0], track=None, mean_score=0.75)
    too_few = dataclasses.replace(picture, reason=Reason.TOO_FEW_FRAMES)
    scores = [
        video_score(dataclasses.replace(finding, most_suspicious=None, tracks=(track,)))
        for track in (picture, too_few)
    ]
    assert scores == [0.75, None]


def test_reports_that_were_not_made_alike_are_refused(material: Path, report: Report) -> None:
    labels = material / "labels.csv"
    write_reports(material / "out", [variant(report, "unseen.mp4", {"a": 1.0, "b": 1.0}, 60.0)])
    path = material / "out" / "unseen" / FILE_NAME
    path.write_text(path.read_text().replace('"backend": "pyav"', '"backend": "decord"'))
    with pytest.raises(CalibrationError, match=r"unseen.report\.json: made with other weights or settings"):
        read_reports(material / "out", labels, ("a",))
    write_reports(material / "out" / "again", [variant(report, "0003.mp4", {"a": 1.0, "b": 1.0}, 60.0)])
    with pytest.raises(CalibrationError, match=r"a second report on 0003\.mp4"):
        read_reports(material / "out", labels, ("a",))


def test_a_folder_without_reports_on_the_labelled_videos_is_refused(tmp_path: Path, report: Report) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label\nother.mp4,fake\n")
    write_reports(tmp_path / "out", [report])
    with pytest.raises(CalibrationError, match=r"out: holds no report\.json on a video of"):
        read_reports(tmp_path / "out", labels, ("a",))


def test_a_damaged_report_is_refused_by_name(tmp_path: Path, report: Report) -> None:
    path = write_json(report, tmp_path)
    text = path.read_text()
    for damaged in (text[:-20], text.replace('"weights":', '"weight":'), "[]"):
        path.write_text(damaged)
        with pytest.raises(ReportError, match=r"report\.json: "):
            setup_of(path, ("a",))
