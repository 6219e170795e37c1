"""The numbers of the network alone are others; what cannot be had is named."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tiny_models import COSINE, images, network, points

from snowmelt.common.errors import UserError
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling import network_numbers
from snowmelt.sampling.network_numbers import computing
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.loop import sample

CPU = torch.device("cpu")
INDEX = torch.arange(6)


def drawn(denoiser: Denoiser, shape: tuple[int, ...] = (1, 4, 4)) -> torch.Tensor:
    return sample(denoiser, DDIM(4), INDEX, shape, seed=0)


def lively() -> Denoiser:
    """A network whose last layer is not zero."""
    made = network(images())
    for weight in made.net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return made


def test_the_network_computes_in_bfloat16_and_the_states_do_not() -> None:
    plain = lively()
    seen: list[torch.dtype] = []
    hook = next(m for m in plain.net.modules() if isinstance(m, torch.nn.Conv2d))
    hook.register_forward_hook(lambda *given: seen.append(given[-1].dtype))
    exact = drawn(plain)
    half = drawn(computing(plain, "bf16-mixed"))
    assert seen == [torch.float32] * 4 + [torch.bfloat16] * 4
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 0.1
    # bfloat16 keeps 8 bits; states of float32 lie between its numbers.
    assert not torch.equal(half, half.to(torch.bfloat16).float())
    assert torch.equal(drawn(plain), exact), "the weights are as they were"


def test_by_default_it_is_the_same_object() -> None:
    plain = network(points())
    assert computing(plain, "32-true") is plain


def test_a_compiled_network_is_compiled_in_its_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[Any, Any]] = []

    def compiled(net: Any, **options: Any) -> Any:
        given.append((net, options))
        return net

    monkeypatch.setattr(torch, "compile", compiled)
    plain = lively()
    made = computing(plain, "bf16-mixed", is_compiled=True)
    assert given == [(plain.net, {"dynamic": False})]
    assert torch.equal(drawn(made), drawn(computing(plain, "bf16-mixed")))
    assert torch.equal(drawn(computing(plain, "32-true", is_compiled=True)), drawn(plain))


def test_facts_of_the_denoiser_stay() -> None:
    plain = Denoiser(
        network(points()).net, COSINE, network(points()).prediction, True, True
    )
    made = computing(plain, "bf16-mixed")
    assert made.learned_variance
    assert made.self_conditioned
    assert not made.training
    assert made.process is plain.process


def test_numbers_that_a_device_has_not_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    network_numbers.check("bf16-mixed", CPU)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch, "autocast", lambda *_: torch.no_grad())
    with pytest.raises(UserError, match=r"sample\.precision=bf16-mixed cannot be had on"):
        network_numbers.check("bf16-mixed", torch.device("cuda"))
    network_numbers.check("32-true", torch.device("cuda"))

    def none(*_: object) -> None:
        raise RuntimeError("User specified an unsupported autocast device_type")

    monkeypatch.setattr(torch, "autocast", none)
    with pytest.raises(UserError, match="unsupported autocast device_type"):
        network_numbers.check("bf16-mixed", torch.device("xpu"))


def test_a_missing_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "there is no C++ compiler here" in str(network_numbers.why_not_compiled())
    monkeypatch.setenv("CXX", "sh")
    assert network_numbers.why_not_compiled() is None
