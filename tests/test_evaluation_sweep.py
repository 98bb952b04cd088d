"""A robustness sweep: what each treatment does to frames, and that the evidence stays as it is."""

from __future__ import annotations

import hashlib
import json
import tarfile
from fractions import Fraction
from pathlib import Path

import media
import numpy as np
import pytest
from evaluations import clip, evaluate, still, use_models, write_manifest
from PIL import Image

from forensics.errors import ExitCode, UsageFault
from forensics.evaluation.material import material_sha256, opened_material
from forensics.evaluation.sweep import STRENGTHS, Condition, Treatment, parse_sweep, treated
from video.reader import open_video
from video.sampling import Sampling

Frames = list[tuple[Fraction, media.Picture]]


def frames_of(path: Path) -> Frames:
    with open_video(path, sampling=Sampling.all()) as reader:
        return [
            (pts * batch.time_base, picture)
            for batch in reader.batches(4)
            for pts, picture in zip(batch.pts.tolist(), batch.data, strict=True)
        ]


def after(path: Path, treatment: Treatment, strength: float, **window: float) -> Frames:
    with treated(path, Condition(treatment, strength), sampling=Sampling.fps(4, **window)) as copy:
        assert copy != path
        return frames_of(copy)


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.shots(tmp_path_factory.mktemp("sharp") / "clip.mp4", media.scene(3, 12))


def test_each_treatment_keeps_every_frame_at_its_time_but_the_frame_rate(sharp: Path) -> None:
    times = [seconds for seconds, _ in frames_of(sharp)]
    before = sharp.read_bytes()
    for treatment in set(Treatment) - {Treatment.FPS}:
        found = [seconds for seconds, _ in after(sharp, treatment, STRENGTHS[treatment][1])]
        assert [float(seconds) for seconds in found] == pytest.approx([float(one) for one in times], abs=1e-3)
    # 12 frames at 25 a second last 0.48 s: ticks of a fifth of a second meet three of them.
    assert len(after(sharp, Treatment.FPS, 5)) == 3
    assert sharp.read_bytes() == before


def test_a_window_of_time_alone_is_treated(sharp: Path) -> None:
    found = after(sharp, Treatment.BLUR, 1, start_seconds=0.2, end_seconds=0.4)
    assert [round(float(seconds), 2) for seconds, _ in found] == [0.2, 0.24, 0.28, 0.32, 0.36]


def test_stronger_encoding_is_further_from_the_original(sharp: Path) -> None:
    original = np.stack([picture for _, picture in frames_of(sharp)]).astype(float)

    def distance(treatment: Treatment, strength: float) -> float:
        treated_frames = np.stack([picture for _, picture in after(sharp, treatment, strength)])
        return float(np.abs(treated_frames - original).mean())

    assert distance(Treatment.CRF, 23) < distance(Treatment.CRF, 40)
    assert distance(Treatment.CRF, 36) < distance(Treatment.DOUBLE, 36)
    assert distance(Treatment.JPEG, 90) < distance(Treatment.JPEG, 30)
    assert 0 < distance(Treatment.BLUR, 1) < distance(Treatment.BLUR, 4)


def test_noise_and_size_are_as_strong_as_they_say(tmp_path: Path) -> None:
    path = clip(tmp_path / "flat.mp4", 120)
    original = frames_of(path)[0][1].astype(float)
    noisy = after(path, Treatment.NOISE, 10)
    assert (noisy[0][1] - original).std() == pytest.approx(10, rel=0.02)
    assert (noisy[0][1] != noisy[1][1]).any()
    assert after(path, Treatment.RESIZE, 0.5)[0][1].shape == (48, 64, 3)


def test_a_picture_is_treated_like_a_frame_and_has_no_rate(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    Image.fromarray(media.scene(3, 1)[0]).save(path)
    for treatment in set(Treatment) - {Treatment.FPS}:
        ((_, picture),) = after(path, treatment, STRENGTHS[treatment][-1])
        smaller = treatment is Treatment.RESIZE
        assert picture.shape == ((24, 32, 3) if smaller else (96, 128, 3))
    assert not Condition(Treatment.FPS, 5).applies_to(path)


def test_sweeps_are_named_by_treatment_and_strength() -> None:
    assert parse_sweep(["crf=23,40", "crf=23"]) == (
        Condition(Treatment.CRF, 23),
        Condition(Treatment.CRF, 40),
    )
    assert parse_sweep(["blur"]) == tuple(Condition(Treatment.BLUR, one) for one in STRENGTHS[Treatment.BLUR])
    assert {one.treatment for one in parse_sweep(["all"])} == set(Treatment)


@pytest.mark.parametrize(
    "word", ["blurr", "crf=60", "crf=23.5", "crf=a", "jpeg=0", "blur=0", "noise=inf", "crf="]
)
def test_sweeps_that_make_no_sense_are_refused(word: str) -> None:
    with pytest.raises(UsageFault, match=f"--sweep {word}: "):
        parse_sweep([word])


def test_a_sweep_tells_how_scores_and_ranking_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, "repdfd")
    clip(tmp_path / "a.mp4", 60)
    clip(tmp_path / "b.mp4", 110)
    still(tmp_path / "c.png", 90)
    manifest = write_manifest(tmp_path, ("a.mp4", "real"), ("b.mp4", "fake"), ("c.png", "fake"))
    digests = [
        hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("a.mp4", "b.mp4", "c.png")
    ]
    result = evaluate(manifest, "-o", tmp_path / "out", "--sweep", "noise=60", "--sweep", "fps=25")
    assert result.exit_code == ExitCode.DONE, result.output
    rows = json.loads((tmp_path / "out" / "metrics.json").read_text())["sweep"]
    given, noise, rate = rows
    assert given["condition"] == {"treatment": None, "strength": 0.0}
    assert [row["auc"]["value"] for row in rows] == [1, 1, 1]
    # Clipping at black lifts the dark clip more than the others, one hundred levels being a score of 1.
    assert noise["real_change"] > noise["manipulated_change"] > -0.02
    assert noise["real_change"] == pytest.approx(0.05, abs=0.02)
    # The picture has no frame rate: it is no part of that row, and not lost.
    assert (rate["real"], rate["manipulated"], rate["lost"]) == (1, 1, 0)
    assert rate["manipulated_change"] == pytest.approx(0, abs=0.01)
    assert digests == [
        hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("a.mp4", "b.mp4", "c.png")
    ]
    assert "Robustness" in (tmp_path / "out" / "evaluation.html").read_text()


def test_pictures_of_a_folder_are_seen_one_by_one_without_loss(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    pictures = media.scene(5, 11)
    folder.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number}.png")
    with opened_material(folder) as video:
        found = frames_of(video)
    assert [float(seconds) for seconds, _ in found] == [number / 4 for number in range(11)]
    for (_, picture), expected in zip(found, pictures, strict=True):
        assert np.array_equal(picture, expected)
    assert not video.exists()
    before = material_sha256(folder)
    (folder / "10.png").rename(folder / "11.png")
    assert material_sha256(folder) != before


def test_smaller_pictures_of_a_folder_are_padded(tmp_path: Path) -> None:
    for name, side in (("1.png", 40), ("2.png", 64)):
        Image.new("RGB", (side, side), (9, 90, 200)).save(tmp_path / name)
    with opened_material(tmp_path) as video:
        (_, first), (_, second) = frames_of(video)
    assert first.shape == second.shape == (64, 64, 3)
    assert (first[:40, :40] == (9, 90, 200)).all()
    assert not first[40:].any()


def test_a_member_of_a_tar_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    still(tmp_path / "a.png", 70)
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        tar.add(tmp_path / "a.png", "in/a.png")
    member = tmp_path / "set.tar" / "in" / "a.png"
    assert material_sha256(member) == material_sha256(tmp_path / "a.png")
    with opened_material(member) as file:
        assert file.read_bytes() == (tmp_path / "a.png").read_bytes()
