"""Training CoDE: it learns, a kill changes nothing, and the detector runs what it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_pictures import SIDE, generated, photo, png, small_vit, write_folder
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import OneClassSVM
from torch import nn

from forensics import code_model
from forensics.code_heads import HeadKind, build_head
from forensics.code_model import build_vit, embed, empty_vit
from forensics.detector import LoadOptions
from forensics.detectors import code as code_detector
from forensics.errors import ForensicsError, OutputError, UsageFault
from forensics.train.code import LOOP_FOLDER, CodeResult, CodeSettings, Positive, prepare_output, train
from forensics.train.code_batches import Batches, embeddings, normalised
from forensics.train.code_data import Collection, collect, pictures_of, split
from forensics.train.code_pictures import TrainingDataError
from forensics.train.code_result import BACKBONE_FILE, CONFIG_FILE, fit_head, head_file, to_transformers
from forensics.train.log import LOG_FILE
from forensics.train.loop import Loop, Plan
from weights.store import Store

CPU = torch.device("cpu")
QUICK = CodeSettings(
    epochs=5, warmup_epochs=1, epoch_steps=20, batch_pairs=16, lr=5e-4, validation_share=0.3, seed=1
)
TINY = replace(QUICK, epochs=3, epoch_steps=3, batch_pairs=4, save_every=2)


def run(
    data: Collection,
    out: Path,
    settings: CodeSettings,
    *,
    resume: bool = False,
    on_step: Callable[[int, int, float], None] = lambda *_: None,
) -> CodeResult:
    return train(
        data,
        out,
        settings=settings,
        device=CPU,
        resume=resume,
        make_vit=small_vit,
        side=SIDE,
        on_step=on_step,
    )


def separation(vit: nn.Module, data: Collection, settings: CodeSettings) -> float:
    """How much more alike held-out pictures of one class are than those of two, as a cosine."""
    held_out = pictures_of(split(data.records, settings.validation_share)[1])
    unit = nn.functional.normalize(embeddings(vit, held_out, side=SIDE, device=CPU), dim=1)
    label = torch.tensor([picture.label for picture in held_out])
    alike, same = unit @ unit.T, label[:, None] == label
    others = ~torch.eye(len(label), dtype=torch.bool)
    return float(alike[same & others].mean() - alike[~same].mean())


def trained_small_vit(out: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    monkeypatch.setattr(code_model, "DEPTH", 2)
    vit = small_vit()
    vit.load_state_dict(code_model.to_timm(load_file(out / BACKBONE_FILE)))
    return vit


def files(out: Path) -> dict[str, bytes]:
    names = (BACKBONE_FILE, CONFIG_FILE, *(head_file(kind) for kind in HeadKind))
    return {name: (out / name).read_bytes() for name in names}


@pytest.mark.slow
def test_it_learns_to_tell_held_out_pictures_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, losses = collect(write_folder(tmp_path / "data", 60)), []
    torch.manual_seed(0)
    before = separation(small_vit(), data, QUICK)
    result = run(data, tmp_path / "out", QUICK, on_step=lambda step, steps, loss: losses.append(loss))
    assert result.steps == len(losses) == 100
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])
    assert min(result.validation_auc.values()) > 0.9
    # Heads can tell this artefact from untrained embeddings too; what was learnt shows in the angles.
    assert before < 0.4
    assert separation(trained_small_vit(tmp_path / "out", monkeypatch), data, QUICK) > 1.2


def test_pictures_without_a_difference_are_not_told_apart(tmp_path: Path) -> None:
    for number in range(80):
        path = tmp_path / "data" / ("real", "fake")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(photo(number)))
    result = run(collect(tmp_path / "data"), tmp_path / "out", replace(TINY, validation_share=0.4))
    assert all(0.2 < score < 0.8 for score in result.validation_auc.values())


@pytest.fixture(scope="module")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return collect(write_folder(tmp_path_factory.mktemp("data"), 16))


class Killed(Exception):
    pass


@pytest.mark.parametrize("killed_at", [3, 5, 9])
def test_resuming_after_a_kill_equals_no_kill(small_data: Collection, tmp_path: Path, killed_at: int) -> None:
    def kill(step: int, steps: int, loss: float) -> None:
        if step == killed_at:
            raise Killed

    run(small_data, tmp_path / "whole", TINY)
    with pytest.raises(Killed):
        run(small_data, tmp_path / "killed", TINY, on_step=kill)
    run(small_data, tmp_path / "killed", TINY, resume=True)
    assert files(tmp_path / "whole") == files(tmp_path / "killed")


def test_resuming_a_finished_training_writes_the_same_again(small_data: Collection, tmp_path: Path) -> None:
    settings = replace(TINY, epochs=2, epoch_steps=1)
    run(small_data, tmp_path, settings)
    before = files(tmp_path)
    for name in before:
        (tmp_path / name).unlink()
    steps: list[int] = []
    run(small_data, tmp_path, settings, resume=True, on_step=lambda step, *_: steps.append(step))
    assert (files(tmp_path), steps) == (before, [])


def test_resuming_with_other_settings_or_other_pictures_is_refused(
    small_data: Collection, tmp_path: Path
) -> None:
    settings = replace(TINY, epochs=2, epoch_steps=1)
    run(small_data, tmp_path, settings)
    with pytest.raises(ForensicsError, match="other settings or data"):
        run(small_data, tmp_path, replace(settings, official_loss=True), resume=True)
    with pytest.raises(ForensicsError, match="other settings or data"):
        run(replace(small_data, digest="another"), tmp_path, settings, resume=True)


def test_the_switches_change_what_is_trained(small_data: Collection, tmp_path: Path) -> None:
    short = replace(TINY, epochs=2, epoch_steps=1)
    variants = {
        "default": short,
        "official": replace(short, official_loss=True),
        "same": replace(short, positive=Positive.SAME),
    }
    losses: dict[str, list[float]] = {name: [] for name in variants}
    for name, settings in variants.items():
        run(small_data, tmp_path / name, settings, on_step=lambda *told, n=name: losses[n].append(told[2]))
    assert len({tuple(values) for values in losses.values()}) == len(variants)


def test_the_settings_the_data_and_the_measured_auc_are_written_down(
    small_data: Collection, tmp_path: Path
) -> None:
    data = replace(small_data, unreadable=("real/x.png: is damaged",))
    settings = replace(TINY, epochs=2, epoch_steps=1)
    result = run(data, tmp_path, settings)
    facts = json.loads((tmp_path / CONFIG_FILE).read_text())
    assert facts["settings"]["seed"] == settings.seed
    assert facts["settings"]["positive"] == "permuted"
    assert facts["data"]["sha256"] == small_data.digest
    assert facts["data"]["unreadable"] == ["real/x.png: is damaged"]
    counts = [facts["data"][side]["records"] for side in ("train", "validation")]
    assert counts == [11, 5]
    assert facts["validation_auc"] == {kind.value: score for kind, score in result.validation_auc.items()}
    assert facts["steps_trained"] == 2


def test_heads_decide_as_scikit_learn_does() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1], [30, 50])
    features = draw.normal(size=(80, 12)) + labels[:, None]
    unseen = draw.normal(size=(40, 12)) + 0.5
    heads = {kind: build_head(kind, fit_head(kind, features, labels), width=12) for kind in HeadKind}
    scores = {kind: head.score(unseen) for kind, head in heads.items()}
    linear = LogisticRegression(C=0.316, class_weight="balanced", max_iter=1500).fit(features, labels)
    assert scores[HeadKind.LINEAR] == pytest.approx(linear.decision_function(unseen), abs=1e-9)
    nearest = KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(features, labels)
    assert np.array_equal(scores[HeadKind.KNN] > 0, nearest.predict(unseen) == 1)
    one_class = OneClassSVM(nu=0.1, kernel="poly", gamma="auto").fit(features[labels == 0])
    assert scores[HeadKind.SVM] == pytest.approx(-one_class.decision_function(unseen), abs=1e-9)


def test_the_names_of_transformers_lead_back_to_the_same_model() -> None:
    state = empty_vit().state_dict()
    back = code_model.to_timm(to_transformers(state))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_the_detector_runs_what_a_training_leaves(tmp_path: Path) -> None:
    for number in range(8):
        for kind, make in (("real", lambda picture: picture), ("fake", generated)):
            path = tmp_path / "data" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(make(photo(number, side=240))))
    data, out = collect(tmp_path / "data"), tmp_path / "out"
    settings = CodeSettings(epochs=1, warmup_epochs=0, epoch_steps=1, batch_pairs=2, validation_share=0.4)
    result = train(data, out, settings=settings, device=CPU)
    held_out = pictures_of(split(data.records, settings.validation_share)[1])
    crops = torch.stack([picture.pixels()[:, 8:232, 8:232] for picture in held_out]).permute(0, 2, 3, 1)
    features = embed(build_vit(load_file(out / BACKBONE_FILE)), crops).numpy()
    store = Store(tmp_path / "cache", offline=True)
    store.import_file(code_detector.VIT, out / BACKBONE_FILE)
    for kind in HeadKind:
        store.import_file(kind.weights, out / head_file(kind))
        code_detector.load(store, LoadOptions(head=kind))
        head = build_head(kind, load_file(out / head_file(kind)), width=features.shape[1])
        auc = roc_auc_score([picture.label for picture in held_out], head.score(features))
        assert auc == pytest.approx(result.validation_auc[kind], abs=1e-9)


def test_batches_are_the_same_whether_asked_in_turn_or_alone(small_data: Collection) -> None:
    def batches(seed: int = 3, workers: int = 0) -> Batches:
        return Batches(small_data.records, batch_pairs=5, side=32, seed=seed, workers=workers)

    in_turn = batches()
    views = [in_turn.views(step) for step in range(5)]
    assert views[0].shape == (5, 2, 4, 3, 32, 32)
    # Steps 3 and 4 lie in the second pass over 16 records.
    assert torch.equal(batches().views(4), views[4])
    assert torch.equal(batches(workers=1).views(1), views[1])
    assert not torch.equal(batches(seed=4).views(0), views[0])


def test_every_pass_shows_a_pair_once_and_in_views_of_its_own(small_data: Collection) -> None:
    batches = Batches(small_data.records, batch_pairs=4, side=32, seed=3)
    first, second = (
        [job for step in steps for job in batches.jobs(step)] for steps in (range(4), range(4, 8))
    )
    for jobs in (first, second):
        assert sorted(job.real.record for job in jobs) == [record.key for record in small_data.records]
        assert all(job.real.record == job.fake.record for job in jobs)
    assert len({job.seed for job in first + second}) == 32


def test_pixels_are_normalised_as_the_published_inference_does() -> None:
    pixels = torch.tensor([0, 255, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    expected = [(0 - 0.485) / 0.229, (1 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    assert normalised(pixels).flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_the_learning_rate_warms_up_and_then_follows_the_cosine() -> None:
    plan = Plan(steps=100, lr=2.0, warmup_steps=10)
    assert [plan.lr_at(step) for step in (0, 4, 9)] == pytest.approx([0.2, 1.0, 2.0])
    assert plan.lr_at(10) == pytest.approx(1 + np.cos(0.1 * np.pi))
    assert plan.lr_at(99) < 0.001


def test_patience_ends_the_training_and_survives_a_kill(tmp_path: Path) -> None:
    scores = [0.5, 0.6, 0.9, 0.7, 0.8, 0.7, 0.95]
    plan = Plan(steps=60, lr=0.1, check_every=10, patience_checks=3)

    def loop(told: list[float], stop_after: int | None = None) -> int:
        parameter = nn.Parameter(torch.ones(2))

        def kill(step: int, steps: int, loss: float) -> None:
            if step == stop_after:
                raise Killed

        running = Loop({"p": parameter}, plan, tmp_path)
        running.run(lambda step: parameter.sum(), lambda: told.pop(0), resume=True, on_step=kill)
        assert running.best_score == 0.9
        return running.step

    with pytest.raises(Killed):
        loop(list(scores), stop_after=41)
    # Checked before the kill: steps 0 to 40. One more without gain is the third.
    assert loop(scores[5:]) == 50
    assert loop([]) == 50
    assert len((tmp_path / LOG_FILE).read_text().splitlines()) == 1 + 6


def test_untrained_parameters_are_scored_and_never_kept(tmp_path: Path) -> None:
    def kept_after(folder: str, scores: list[float], *, keep_start: bool) -> float:
        parameter = nn.Parameter(torch.ones(1))
        loop = Loop({"p": parameter}, Plan(steps=2, lr=0.1, check_every=1), tmp_path / folder)
        loop.run(
            lambda step: parameter.sum(),
            lambda: scores.pop(0),
            resume=False,
            on_step=lambda *_: None,
            keep_start=keep_start,
        )
        return float(parameter.detach())

    assert kept_after("kept", [0.9, 0.5, 0.4], keep_start=True) == 1.0
    first_step = kept_after("left", [0.9, 0.5, 0.4], keep_start=False)
    assert first_step == pytest.approx(0.9)
    assert kept_after("equal", [0.9, 0.5, 0.5], keep_start=False) < first_step


def test_a_folder_in_use_is_refused_unless_its_training_is_resumed(tmp_path: Path) -> None:
    prepare_output(tmp_path / "new", resume=False)
    prepare_output(tmp_path, resume=False)
    (tmp_path / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(OutputError, match="not empty"):
            prepare_output(tmp_path, resume=resume)
    (tmp_path / LOOP_FOLDER).mkdir()
    prepare_output(tmp_path, resume=True)
    with pytest.raises(OutputError, match="is a file"):
        prepare_output(tmp_path / "notes.txt", resume=False)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"epochs": 3, "warmup_epochs": 3}, "warm-up"),
        ({"batch_pairs": 1}, "two pairs"),
        ({"validation_share": 1.0}, "between 0 and 1"),
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(UsageFault, match=told):
        CodeSettings(**wrong)  # type: ignore[arg-type]


def test_a_single_pair_to_learn_from_is_refused(tmp_path: Path) -> None:
    data = collect(write_folder(tmp_path / "data", 2))
    with pytest.raises(TrainingDataError, match="one pair"):
        run(data, tmp_path / "out", replace(TINY, validation_share=0.5))
