"""Training RepDFD: both stages learn, the border is kept only if it helps, and a kill changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_clip

from face.types import CropSpec
from forensics.data.cache import GENERATED, PAIRS_IN_RECORD, FeatureCache
from forensics.errors import ForensicsError
from forensics.face2text import PromptMode
from forensics.repdfd import RepDFD, build
from forensics.repdfd_checkpoint import load_learnt, read_config, read_tensors
from forensics.repdfd_config import RepDFDConfig
from forensics.train.faces import VALIDATION_DRAW, Draw, Faces
from forensics.train.log import LOG_FILE
from forensics.train.loop import Loop, Plan, pair_batches
from forensics.train.repdfd import (
    CHECKPOINT_FILE,
    config_before_training,
    train,
    with_generated_prompt,
)
from forensics.train.repdfd_stages import TrainSettings, border_validation

CPU = torch.device("cpu")
PAIRS = 60
SIDE = 22
QUICK = TrainSettings(text=Plan(steps=60, lr=5e-3, check_every=20), text_draw=Draw(pairs=16))


def tiny_config() -> RepDFDConfig:
    config = config_before_training()
    text = replace(config.text, width=16, heads=2, layers=1)
    return replace(
        config, embedding_width=6, crop=CropSpec(SIDE, 1.3), face_pixels=SIDE, canvas_pixels=32, text=text
    )


def tower() -> torch.nn.Module:
    visual: torch.nn.Module = tiny_clip().visual
    return visual


def synthetic_cache(*, signal: float) -> FeatureCache:
    """Pairs whose fake member is brighter by `signal` grey levels; features are the tower's own."""
    rng = np.random.default_rng(0)
    real = rng.integers(60, 120, (PAIRS, 3, SIDE, SIDE))
    crops = np.stack([real, real + signal], axis=1).reshape(-1, 3, SIDE, SIDE).astype(np.uint8)
    model = build(tiny_config(), tower())
    with torch.no_grad():
        features = model.image_tower(model.reprogram(torch.from_numpy(crops))).numpy()
    count = 2 * PAIRS
    return FeatureCache(
        crops=crops,
        features=features,
        landmarks=np.zeros((count, 5, 2), np.float32),
        embeddings=np.repeat(rng.normal(size=(PAIRS, 6)), 2, axis=0).astype(np.float32),
        label=np.tile([0, 1], PAIRS).astype(np.int8),
        pair=np.repeat(np.arange(PAIRS) * PAIRS_IN_RECORD, 2),
        split=np.repeat(np.where(np.arange(PAIRS) % 3, "train", "val"), 2),
        source=np.full(count, "synthetic"),
        method=np.tile(["real", "self_blend"], PAIRS),
        identity=np.repeat([f"id{number}" for number in range(PAIRS)], 2),
        group=np.full(count, ""),
    )


def with_generated_faces(cache: FeatureCache, *, count: int = 30) -> FeatureCache:
    """The cache and, behind it, darker pictures that no real face is a counterpart of."""
    crops = np.random.default_rng(1).integers(0, 40, (count, 3, SIDE, SIDE)).astype(np.uint8)
    model = build(tiny_config(), tower())
    with torch.no_grad():
        features = model.image_tower(model.reprogram(torch.from_numpy(crops))).numpy()
    first = cache.where(np.arange(len(cache)) < count)
    alone = replace(
        first,
        crops=crops,
        features=features,
        label=np.full(count, GENERATED, np.int8),
        pair=(PAIRS + np.arange(count)) * PAIRS_IN_RECORD,
        split=np.where(np.arange(count) % 3, "train", "val"),
        method=np.full(count, "gan"),
        identity=np.array([f"gan{number}" for number in range(count)]),
    )
    return FeatureCache.join([cache, alone])


def trained(out: Path) -> tuple[RepDFD, RepDFDConfig]:
    config = read_config(out / CHECKPOINT_FILE)
    return load_learnt(build(config, tower()), read_tensors(out / CHECKPOINT_FILE)), config


@pytest.mark.slow
def test_the_text_side_learns_and_the_border_stays_empty(tmp_path: Path) -> None:
    scores = train(synthetic_cache(signal=60), tiny_config(), tower(), tmp_path, settings=QUICK, device=CPU)
    assert scores["text"] > 0.9
    losses = [line.split(",")[1] for line in (tmp_path / "text" / LOG_FILE).read_text().split()[2:]]
    assert float(losses[-1]) < float(losses[0])
    model, config = trained(tmp_path)
    assert not model.reprogram.delta.any()
    assert config.operating_point.clear_logit <= config.operating_point.cue_logit
    assert "60 steps" in config.training


def test_faces_without_a_difference_are_not_told_apart(tmp_path: Path) -> None:
    scores = train(synthetic_cache(signal=0), tiny_config(), tower(), tmp_path, settings=QUICK, device=CPU)
    assert scores["text"] < 0.7


def test_random_identities_are_never_seen_twice_and_so_cannot_stand_for_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    words = Faces.words

    def watched(
        faces: Faces, mode: PromptMode, rows: torch.Tensor, *, draw: int = VALIDATION_DRAW
    ) -> torch.Tensor:
        given = words(faces, mode, rows, draw=draw)
        if draw not in drawn:
            drawn.add(draw)
            seen.append(given)
        return given

    drawn: set[int] = set()
    monkeypatch.setattr(Faces, "words", watched)
    config = replace(tiny_config(), prompt=PromptMode.RANDOM)
    settings = replace(QUICK, prompt=PromptMode.RANDOM, text=Plan(steps=4, lr=1e-3, check_every=2))
    train(synthetic_cache(signal=0), config, tower(), tmp_path, settings=settings, device=CPU)
    assert len(seen) == 1 + settings.text.steps
    every = torch.cat(seen)
    assert len(every.unique(dim=0)) == len(every)


@pytest.mark.slow
def test_the_border_learns_outside_the_face_only_and_is_kept_if_it_helps(tmp_path: Path) -> None:
    settings = replace(
        QUICK,
        text=Plan(steps=3, lr=1e-4, check_every=3),
        border=Plan(steps=25, lr=0.2, check_every=5),
        border_draw=Draw(pairs=16),
    )
    cache = synthetic_cache(signal=12)
    scores = train(cache, tiny_config(), tower(), tmp_path, settings=settings, device=CPU)
    model, config = trained(tmp_path)
    kept = scores["border"] > scores["text on the same faces"]
    assert kept == bool((model.reprogram.delta * model.reprogram.mask).any())
    assert kept == ("border" in config.training)
    assert kept
    assert not (model.reprogram.delta * (1 - model.reprogram.mask)).any()


@pytest.mark.slow
def test_resuming_after_a_kill_equals_no_kill(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(step: int, steps: int, loss: float) -> None:
        if step == 50:
            raise Killed

    cache = synthetic_cache(signal=20)
    arguments = (cache, tiny_config(), tower())
    train(*arguments, tmp_path / "whole", settings=QUICK, device=CPU)
    with pytest.raises(Killed):
        train(*arguments, tmp_path / "killed", settings=QUICK, device=CPU, on_step=kill)
    train(*arguments, tmp_path / "killed", settings=QUICK, device=CPU, resume=True)
    whole, resumed = (read_tensors(tmp_path / name / CHECKPOINT_FILE) for name in ("whole", "killed"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_state_of_another_plan_is_refused(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(2))

    def run(plan: Plan) -> None:
        loop = Loop({"p": parameter}, plan, tmp_path)
        loop.run(lambda step: parameter.sum(), lambda: 0.5, resume=True, on_step=lambda *_: None)

    run(Plan(steps=2, lr=0.1))
    with pytest.raises(ForensicsError, match="other settings"):
        run(Plan(steps=3, lr=0.1))


def test_the_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(2))

    def run(recipe: str) -> None:
        loop = Loop({"p": parameter}, Plan(steps=2, lr=0.1), tmp_path, recipe=recipe)
        loop.run(lambda step: parameter.sum(), lambda: 0.5, resume=True, on_step=lambda *_: None)

    run("seed 7")
    with pytest.raises(ForensicsError, match="other settings or data"):
        run("seed 8")


@pytest.mark.slow
def test_generated_faces_are_told_from_real_ones_by_a_prompt_of_their_own(tmp_path: Path) -> None:
    cache = with_generated_faces(synthetic_cache(signal=60))
    config = with_generated_prompt(tiny_config())
    draw = Draw(pairs=16, generated=8)
    settings = replace(QUICK, text_draw=draw)
    scores = train(cache, config, tower(), tmp_path, settings=settings, device=CPU)
    assert scores["text"] > 0.9
    model, config = trained(tmp_path)
    check = Faces(cache, "val", CPU)
    logits = model.logits(check.features, check.identities)
    assert logits.shape == (len(check), 3)
    kinds = logits.argmax(dim=1)[check.label == GENERATED]
    assert (kinds == GENERATED).float().mean() > 0.8


def test_without_a_prompt_of_their_own_generated_faces_answer_to_the_fake_one() -> None:
    faces = Faces(with_generated_faces(synthetic_cache(signal=60)), "train", CPU)
    rows = torch.arange(len(faces))
    assert set(faces.prompt_of(rows, 2).tolist()) == {0, 1}
    assert set(faces.prompt_of(rows, 3).tolist()) == {0, 1, 2}


def test_a_step_draws_pairs_whole_and_single_faces_video_by_video() -> None:
    cache = with_generated_faces(synthetic_cache(signal=60), count=60)
    # All generated faces but one are frames of one video.
    record = np.where(
        cache.label == GENERATED, np.minimum(cache.pair, (PAIRS + 3) * PAIRS_IN_RECORD), cache.pair
    )
    faces = Faces(
        replace(cache, pair=record + np.arange(len(cache)) * (cache.label == GENERATED)), "train", CPU
    )
    rows = faces.drawn(Draw(pairs=8, generated=400), 3, 7)
    paired, alone = rows[:16], rows[16:]
    assert paired.reshape(8, 2).diff(dim=1).eq(1).all()
    assert faces.label[paired].tolist() == [0, 1] * 8
    assert set(faces.label[alone].tolist()) == {GENERATED}
    shares = np.unique(faces.video[alone], return_counts=True)[1] / 400
    assert len(shares) == 3
    assert shares == pytest.approx([1 / 3] * 3, abs=0.1)
    assert torch.equal(rows, faces.drawn(Draw(pairs=8, generated=400), 3, 7))
    assert not torch.equal(rows, faces.drawn(Draw(pairs=8, generated=400), 4, 7))


def test_fakes_without_a_counterpart_are_drawn_with_as_many_real_faces() -> None:
    cache = with_generated_faces(synthetic_cache(signal=60))
    faces = Faces(replace(cache, label=np.minimum(cache.label, 1)), "train", CPU)
    labels = faces.label[faces.drawn(Draw(fakes=5), 0, 7)]
    assert labels.tolist() == [0] * 5 + [1] * 5


def test_validation_scores_videos_and_every_kind_of_fake_alike() -> None:
    cache = with_generated_faces(synthetic_cache(signal=60), count=30)
    faces = Faces(cache, "val", CPU)
    label = faces.label.numpy()
    assert faces.auc(np.where(label == 0, 0.0, 1.0)) == 1.0
    # Every pseudo-fake is found and no generated face.
    assert faces.auc(np.where(label == 1, 1.0, np.where(label == 0, 0.0, -1.0))) == 0.5
    # One video holds all the generated faces: its mean decides, and the reals are in two halves around it.
    single = replace(cache, pair=np.where(cache.label == GENERATED, PAIRS * PAIRS_IN_RECORD, cache.pair))
    faces = Faces(single, "val", CPU)
    real = faces.label.numpy() == 0
    scores = np.where(faces.label.numpy() == 1, 9.0, 0.0)
    scores[real] = np.tile([-1.0, 1.0], real.sum() // 2)
    assert faces.auc(scores) == pytest.approx((1.0 + 0.5) / 2)


def test_the_border_is_chosen_on_pairs_of_the_whole_split_and_judged_on_others() -> None:
    check = Faces(synthetic_cache(signal=20), "val", CPU)
    choosing, deciding = (set((rows // 2).tolist()) for rows in border_validation(check))
    assert choosing.isdisjoint(deciding)
    assert choosing | deciding == set(range(check.pairs))
    assert {0, check.pairs - 1} <= choosing


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    loop = Loop({"p": parameter}, Plan(steps=2, lr=0.1), tmp_path)
    with pytest.raises(ForensicsError, match="not finite"):
        loop.run(lambda step: parameter.sum() / 0, lambda: 0.5, resume=False, on_step=lambda *_: None)


def test_a_cache_without_validation_pairs_is_refused(tmp_path: Path) -> None:
    cache = synthetic_cache(signal=20)
    with pytest.raises(ForensicsError, match="'val'"):
        train(
            cache.where(cache.split == "train"),
            tiny_config(),
            tower(),
            tmp_path,
            settings=QUICK,
            device=CPU,
        )


def test_every_pair_is_drawn_once_in_an_epoch() -> None:
    drawn = [pair for step in range(5) for pair in pair_batches(20, 4, step, seed=3)]
    assert sorted(drawn) == list(range(20))
    assert drawn != [pair for step in range(5, 10) for pair in pair_batches(20, 4, step, seed=3)]


def test_the_learning_rate_falls_along_a_cosine() -> None:
    plan = Plan(steps=10, lr=2.0)
    assert plan.lr_at(0) == 2.0
    assert plan.lr_at(5) == pytest.approx(1.0)
    assert plan.lr_at(9) == pytest.approx(2.0 * 0.5 * (1 + np.cos(0.9 * np.pi)))
