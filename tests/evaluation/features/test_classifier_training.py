"""Training a classifier: repeatable, complete, and mixed as announced."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features import classifier_training, weight_files


def plan(**changes: object) -> classifier_training.Plan:
    values = {"seed": 0, "steps": 8, "batch_size": 10, "learning_rate": 0.01}
    return classifier_training.Plan("features", **(values | changes))  # type: ignore[arg-type]


def scale(stored: Tensor) -> Tensor:
    return stored.float() / 16


def trained(images: np.ndarray, labels: np.ndarray, **changes: object) -> str:
    with classifier_training.seeded(5):
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 2)
        )
    classifier_training.train(net, images, labels, scale, plan(**changes), "test")
    assert not net.training
    return weight_files.digest(net)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.integers(0, 17, (33, 1, 8, 8), dtype=np.uint8)
    return images, random.integers(0, 2, 33)


@pytest.mark.parametrize("mixed", [0.0, 0.5])
def test_training_is_repeatable(data: tuple[np.ndarray, np.ndarray], mixed: float) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(1)
    one = trained(*data, mixed=mixed)
    torch.manual_seed(2)
    torch.set_num_threads(3)
    try:
        assert trained(*data, mixed=mixed) == one
    finally:
        torch.set_num_threads(threads)
    assert trained(*data, mixed=mixed, seed=1) != one
    assert trained(*data, mixed=0.5 - mixed) != one


def test_training_leaves_the_global_generator_alone(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    trained(*data)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 100])
def test_the_learning_rate_rises_and_falls(steps: int) -> None:
    rates = [plan(steps=steps).rise_and_fall(step) for step in range(steps + 1)]
    peak = int(np.argmax(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert all(0 < rate <= 1 for rate in rates[:-1])
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    if steps >= 5:
        assert peak == classifier_training.WARM_UP * steps
        assert rates[peak] == 1.0


def test_every_row_comes_once_before_any_comes_again() -> None:
    batches = classifier_training._batches(12, 4, torch.Generator().manual_seed(0))
    rounds = [np.concatenate(list(itertools.islice(batches, 3))) for _ in range(3)]
    assert all(sorted(rows.tolist()) == list(range(12)) for rows in rounds)
    assert len({tuple(rows.tolist()) for rows in rounds}) == 3


class Seen(nn.Module):
    """Keeps what it was shown; its logits depend on it."""

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.flatten(1)


def test_without_mixing_the_loss_is_cross_entropy() -> None:
    net, x, y = Seen(), torch.randn(6, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1, 2])
    loss = classifier_training._loss(net, x, y, 0, torch.Generator())
    assert torch.equal(net.x, x)
    torch.testing.assert_close(loss, F.cross_entropy(x.flatten(1), y))


def test_mixed_examples_have_mixed_labels() -> None:
    # With one-hot examples the mixture can be read off what the network was shown.
    y = torch.arange(8) % 4
    x = torch.eye(4)[y].view(8, 1, 2, 2)
    net = Seen()
    loss = classifier_training._loss(net, x, y, 5, torch.Generator().manual_seed(0))
    shown = net.x.flatten(1)
    assert shown.sum(dim=1) == pytest.approx(1.0)
    is_whole = shown.amax(dim=1) == 1.0
    assert (shown[is_whole].argmax(1) == y[is_whole]).all()
    assert 3 <= int(is_whole.sum()) <= 6
    # The labels are mixed in the same proportion as the examples.
    expected = -(shown * shown.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(loss, expected)


def test_logits_of_a_whole_set() -> None:
    images = np.random.default_rng(0).integers(0, 17, (260, 1, 2, 2), dtype=np.uint8)
    expected = scale(torch.from_numpy(images)).flatten(1)
    assert torch.equal(classifier_training.logits(Seen(), images, scale), expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", -1), ("steps", 0), ("batch_size", 1), ("learning_rate", 0.0), ("steps", 1.5)],
)
def test_a_bad_plan_names_its_key(key: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"features\.{key}"):
        plan(**{key: value})


def test_labels_to_learn_from() -> None:
    labels = np.array([0, 1, 1])
    assert classifier_training.check_labels(labels, "digits") is labels
    with pytest.raises(
        UserError, match=r"features=classifier.*'dogs' has no labels.*features=random_conv"
    ):
        classifier_training.check_labels(None, "dogs")
    with pytest.raises(
        UserError, match=r"'dogs' holds a single class.*features=random_conv"
    ):
        classifier_training.check_labels(np.zeros(4, np.int64), "dogs")
