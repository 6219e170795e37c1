"""Linear measurements against their matrices."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snowmelt.diffusion.operators import Blur, Downsample, Gray, LinearOperator
from snowmelt.sampling.guidance.masks import Box, Keep, Scattered

EVERY = {
    "keep_box": (Keep(Box(0.3)), (2, 4, 6)),
    "keep_scattered": (Keep(Scattered(0.5)), (2, 4, 4)),
    "keep_points": (Keep(Scattered(0.5)), (5,)),
    "downsample_2": (Downsample(2), (2, 4, 6)),
    "downsample_3": (Downsample(3), (1, 6, 3)),
    "gray": (Gray(), (3, 2, 3)),
    "blur": (Blur(0.7), (2, 4, 5)),
    "blur_wide": (Blur(1.5), (1, 5, 4)),
}
every_operator = pytest.mark.parametrize(
    ("operator", "shape"), EVERY.values(), ids=EVERY.keys()
)


def placed(
    operator: LinearOperator, shape: tuple[int, ...], seed: int = 0
) -> LinearOperator:
    operator.check(shape)
    return operator.at(torch.tensor([3]), shape, seed=seed)


def random(shape: tuple[int, ...], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, *shape, generator=generator, dtype=torch.float64)


def matrix(operator: LinearOperator, shape: tuple[int, ...]) -> Tensor:
    """The operator as a matrix (M, D), column by column."""
    size = torch.Size(shape).numel()
    unit = torch.eye(size, dtype=torch.float64).reshape(size, 1, *shape)
    return torch.stack([operator(x).flatten() for x in unit], dim=1)


@every_operator
@given(seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_the_transpose_is_the_adjoint(
    operator: LinearOperator, shape: tuple[int, ...], seed: int
) -> None:
    operator = placed(operator, shape, seed)
    x = random(shape, seed)
    measured = operator(x)
    y = random(tuple(measured.shape[1:]), seed + 1)
    back = operator.transpose(y)
    assert back.shape == x.shape
    assert float((measured * y).sum()) == pytest.approx(float((x * back).sum()), abs=1e-9)


@every_operator
def test_it_is_linear(operator: LinearOperator, shape: tuple[int, ...]) -> None:
    operator = placed(operator, shape)
    x, z = random(shape, 0), random(shape, 1)
    torch.testing.assert_close(operator(2 * x - 3 * z), 2 * operator(x) - 3 * operator(z))


@every_operator
@pytest.mark.parametrize(("scale", "ridge"), [(0.7, 0.3), (2.0, 1e-3), (1.0, 0.0)])
def test_solve_inverts_the_gram_matrix(
    operator: LinearOperator, shape: tuple[int, ...], scale: float, ridge: float
) -> None:
    operator = placed(operator, shape)
    dense = matrix(operator, shape)
    y = operator(random(shape, 5))
    gram = scale * dense @ dense.T + ridge * torch.eye(len(dense), dtype=torch.float64)
    found = operator.solve(y, torch.tensor(scale, dtype=torch.float64), ridge)
    assert found.shape == y.shape
    wanted = torch.linalg.pinv(gram, rtol=1e-6) @ y.flatten()
    torch.testing.assert_close(found.flatten(), wanted, rtol=1e-5, atol=1e-5)


@every_operator
def test_solve_takes_a_scale_an_example(
    operator: LinearOperator, shape: tuple[int, ...]
) -> None:
    operator = operator.at(torch.arange(2), shape, seed=0)
    y = operator(torch.cat((random(shape, 0), random(shape, 1))))
    scale = torch.tensor([0.5, 2.0], dtype=torch.float64).reshape(2, *[1] * len(shape))
    both = operator.solve(y, scale, 0.1)
    for row in range(2):
        alone = operator.solve(y, scale[row], 0.1)[row]
        torch.testing.assert_close(both[row], alone)


@every_operator
def test_what_is_shown_measures_the_same(
    operator: LinearOperator, shape: tuple[int, ...]
) -> None:
    operator = placed(operator, shape)
    y = operator(random(shape, 2))
    shown = operator.shown(y)
    assert shown.shape == (1, *shape)
    if isinstance(operator, Blur):
        assert torch.equal(shown, y)
    else:
        torch.testing.assert_close(operator(shown), y)


@every_operator
def test_noise_falls_on_what_is_measured(
    operator: LinearOperator, shape: tuple[int, ...]
) -> None:
    operator = placed(operator, shape)
    y = operator(random(shape, 2))
    ones = operator.confined(torch.ones_like(y))
    hidden = matrix(operator, shape).abs().sum(1) == 0
    assert torch.equal(ones.flatten() == 0, hidden)
    assert bool(((ones == 1) | (ones == 0)).all())


@every_operator
def test_what_is_unseen_measures_nothing_and_is_all_the_rest(
    operator: LinearOperator, shape: tuple[int, ...]
) -> None:
    operator = placed(operator, shape)
    x = random(shape, 4)
    unseen = operator.unseen(x)
    if isinstance(operator, Blur):
        # Nothing is lost as a whole: the powers add up, frequency by frequency.
        power = [torch.fft.rfft2(part).abs() ** 2 for part in (x, unseen, operator(x))]
        torch.testing.assert_close(power[1] + power[2], power[0])
        return
    torch.testing.assert_close(operator(unseen), torch.zeros_like(operator(x)))
    torch.testing.assert_close(operator.unseen(unseen), unseen)
    seen = x - unseen
    torch.testing.assert_close(operator(seen), operator(x))
    torch.testing.assert_close((seen * unseen).sum(), torch.zeros_like(x.sum()))


def test_what_differs_from_sample_to_sample_says_so() -> None:
    assert not Keep(Scattered(0.5)).is_fixed
    assert all(one.is_fixed for one in (Keep(Box(0.3)), Gray(), Downsample(2), Blur(1.0)))


def test_each_of_them_is_what_it_says() -> None:
    x = random((3, 4, 4), 0)
    torch.testing.assert_close(Downsample(2)(x)[0, 1, 0, 1], x[0, 1, :2, 2:].mean())
    gray = placed(Gray(), (3, 4, 4))
    torch.testing.assert_close(gray(x)[0, 0, 2, 3], x[0, :, 2, 3].mean())
    flat = torch.full((1, 1, 6, 5), 0.3, dtype=torch.float64)
    torch.testing.assert_close(Blur(2.0)(flat), flat)
    # On a torus that is wide beside the kernel, the weights are those of a Gaussian.
    dot = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    dot[..., 16, 16] = 1.0
    weights = Blur(1.5)(dot)[0, 0, 16, 16:22]
    distance = torch.arange(6, dtype=torch.float64)
    expected = torch.exp(-0.5 * (distance / 1.5) ** 2) / (2 * torch.pi * 1.5**2)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Downsample(1), "factor must be at least 2, got 1"),
        (lambda: Blur(0.0), "width must be positive, got 0.0"),
        (lambda: Downsample(3).check((1, 8, 8)), "factor=3 does not divide images of 8x8"),
        (lambda: Downsample(4).check((1, 8, 6)), "does not divide"),
        (lambda: Downsample(2).check((2,)), "Downsample measures images"),
        (lambda: Blur().check((2,)), "Blur measures images"),
        (lambda: Gray().check((1, 8, 8)), "needs colour, the images have 1 channel"),
        (lambda: Keep(Box()).check((2,)), "a box is hidden in images"),
    ],
)
def test_refusals(make: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()  # type: ignore[operator]
