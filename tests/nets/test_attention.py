"""Attention in both of its forms."""

from __future__ import annotations

import pytest
import torch

from snowmelt.nets.attention import attend


def test_bfloat16_on_a_cpu_gives_the_same_in_its_precision() -> None:
    torch.manual_seed(0)
    parts = torch.randn(3, 2, 3, 16, 8, dtype=torch.float64)
    given = [part.to(torch.bfloat16).requires_grad_() for part in parts]
    exact = [part.detach().double().requires_grad_() for part in given]
    found, expected = attend(*given), attend(*exact)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, rtol=0.02, atol=0.02)
    weight = torch.randn(expected.shape).double()
    (found.double() * weight).sum().backward()
    (expected * weight).sum().backward()
    for mine, true in zip(given, exact, strict=True):
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad.double(), true.grad, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_weights_are_softmax_of_the_scaled_products(dtype: torch.dtype) -> None:
    query, key, value = torch.randn(3, 2, 3, 5, 8, dtype=dtype)
    weight = (torch.einsum("bhid,bhjd->bhij", query, key) / 8**0.5).softmax(-1)
    torch.testing.assert_close(attend(query, key, value), weight @ value)


@pytest.mark.parametrize("is_half", [True, False])
def test_the_fused_kernel_is_called_where_it_is_as_fast(
    is_half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []
    name = "scaled_dot_product_attention"
    fused = getattr(torch.nn.functional, name)
    spy = lambda *given: called.append(given) or fused(*given)  # noqa: E731
    monkeypatch.setattr(torch.nn.functional, name, spy)
    dtype = torch.bfloat16 if is_half else torch.float32
    attend(*torch.randn(3, 1, 1, 4, 8, dtype=dtype))
    assert bool(called) != is_half
