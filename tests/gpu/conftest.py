"""The one condition under which these tests run, and products with all their digits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.gpu.device import IS_GPU


@pytest.fixture(autouse=True, scope="session")
def there_is_a_gpu() -> None:
    if IS_GPU and not torch.cuda.is_available():
        pytest.skip("torch finds no GPU here")


@pytest.fixture(autouse=True)
def whole_float32(there_is_a_gpu: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without TF32, whose eleven bits would hide an error of a thousandth."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    yield
    torch.set_float32_matmul_precision(precision)
