"""CoDE's loss against values worked by hand and the formula written plainly."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from forensics.train.code_loss import ClassViews, code_loss, info_nce, partners

Array = npt.NDArray[np.float64]
COUNT, WIDTH = 5, 7


def plain_info_nce(query: Array, positive: Array, negatives: Array, temperature: float) -> float:
    """-log of the positive's share, summed over the rows one by one."""

    def cosine(a: Array, b: Array) -> float:
        return float(a @ b / math.sqrt((a @ a) * (b @ b)))

    losses = []
    for own, wanted in zip(query, positive, strict=True):
        agreeing = math.exp(cosine(own, wanted) / temperature)
        others = sum(math.exp(cosine(own, negative) / temperature) for negative in negatives)
        losses.append(-math.log(agreeing / (agreeing + others)))
    return sum(losses) / len(losses)


def drawn_views(seed: int) -> ClassViews:
    draw = np.random.default_rng(seed)
    return ClassViews(*(torch.from_numpy(draw.normal(size=(COUNT, WIDTH))) for _ in range(4)))


def plain_half(own: ClassViews, other: ClassViews, order: list[int], temperature: float) -> float:
    original, augmented, whole, local = (getattr(own, name).numpy() for name in vars(own))
    globally = plain_info_nce(original, augmented[order], other.augmented.numpy(), temperature)
    locally = plain_info_nce(local, whole, other.whole.numpy(), temperature)
    return (globally + locally) / 2


def test_info_nce_of_a_case_worked_by_hand() -> None:
    # Cosines 1 with the positive, 0 and -1 with the negatives; lengths do not matter.
    query, positive = torch.tensor([[2.0, 0.0]]), torch.tensor([[5.0, 0.0]])
    negatives = torch.tensor([[0.0, 3.0], [-1.0, 0.0]])
    expected = -math.log(math.exp(2) / (math.exp(2) + 1 + math.exp(-2)))
    assert float(info_nce(query, positive, negatives, temperature=0.5)) == pytest.approx(expected, rel=1e-6)


def test_info_nce_is_the_published_formula() -> None:
    draw = np.random.default_rng(0)
    query, positive, negatives = (draw.normal(size=(count, WIDTH)) for count in (COUNT, COUNT, 9))
    loss = info_nce(*(torch.from_numpy(part) for part in (query, positive, negatives)), temperature=0.1)
    assert float(loss) == pytest.approx(plain_info_nce(query, positive, negatives, 0.1), rel=1e-9)


def test_embeddings_that_are_all_alike_cost_the_logarithm_of_the_choices() -> None:
    alike = torch.ones(COUNT, WIDTH)
    assert float(info_nce(alike, alike, alike, temperature=0.1)) == pytest.approx(math.log(1 + COUNT))


def test_the_loss_is_the_four_terms_of_the_paper() -> None:
    real, fake = drawn_views(1), drawn_views(2)
    order = [1, 2, 3, 4, 0]
    expected = plain_half(real, fake, order, 0.1) + plain_half(fake, real, order, 0.1)
    loss = code_loss(real, fake, partner=torch.tensor(order), temperature=0.1)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


def test_the_official_loss_is_twice_the_real_half() -> None:
    real, fake = drawn_views(1), drawn_views(2)
    order = [1, 2, 3, 4, 0]
    loss = code_loss(real, fake, partner=torch.tensor(order), temperature=0.1, official=True)
    assert float(loss) == pytest.approx(2 * plain_half(real, fake, order, 0.1), rel=1e-9)


@pytest.mark.parametrize("official", [False, True])
def test_only_the_official_loss_leaves_the_fake_originals_without_a_gradient(official: bool) -> None:
    real, fake = drawn_views(1), drawn_views(2)
    for view in (*vars(real).values(), *vars(fake).values()):
        view.requires_grad_()
    code_loss(real, fake, partner=torch.arange(COUNT), official=official).backward()  # type: ignore[no-untyped-call]
    assert all(view.grad is not None for view in vars(real).values())
    assert (fake.original.grad is None) == (fake.local.grad is None) == official


def test_partners_are_always_others_and_each_serves_once() -> None:
    for seed in range(20):
        order = partners(COUNT, torch.Generator().manual_seed(seed))
        assert sorted(order.tolist()) == list(range(COUNT))
        assert not (order == torch.arange(COUNT)).any()


def test_a_picture_alone_has_no_partner() -> None:
    with pytest.raises(ValueError, match="alone"):
        partners(1, torch.Generator())


def test_views_of_different_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        ClassViews(torch.ones(3, 2), torch.ones(3, 2), torch.ones(3, 2), torch.ones(4, 2))
