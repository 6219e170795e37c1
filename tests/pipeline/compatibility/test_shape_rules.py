"""Parts that cannot take the data are refused before there is any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.pipeline.compatibility import shape_rules
from snowmelt.pipeline.config import composition

SMALL = ("features=random_conv", "features.independent_classifier=null")


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["data=folder", "data.size=17", *SMALL], "17x17 is not divisible by 2"),
        (
            ["net.widths=[8,8,8,8,8]", f"net.attention={[False] * 5}"],
            "8x8 is not divisible",
        ),
        (["net=mlp"], "use net=unet"),
        (["net=dit", "net.patch=3"], "use net.patch=1 or net.patch=2, or add a margin"),
        (["data=fashion_mnist", "net=unet_ho"], "use at most 3 of net.widths"),
        (["data=two_moons", "features=coordinates", "threshold=none"], "use net=mlp"),
        (["experiment=llama", "features=random_conv"], "choose features=coordinates"),
        (
            ["guidance=measurement", "guidance.operator.factor=3"],
            "factor=3 does not divide",
        ),
        (["guidance=measurement_gray"], "Gray needs colour"),
        (["guidance=repaint", "guidance.mask.share=0.001"], "hides nothing"),
        (["data=fashion_mnist", "likelihood=ode_exact"], "divergence of 784 dimensions"),
        (["net.widths=[60000,60000]"], "the network would have 799,330,293,025 parameters"),
        (["experiment=points", "data=rings", "net.width=60000"], "parameters"),
        (
            ["experiment=points", "data=rings", "sample.png=9"],
            "sample.png=9, but the data is points",
        ),
    ],
)
def test_what_cannot_take_the_data_is_refused(overrides: list[str], named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        composition.compose(ROOT, overrides)
    assert "\n" not in str(caught.value)


def test_the_default_and_what_nobody_knows_pass(tmp_path: Path) -> None:
    config = plain(composition.compose(ROOT, ["data=array"], is_checked=False))
    assert shape_rules.shape_of(config["data"], tmp_path) is None
    shape_rules.check(config, None)
    default = composition.compose(ROOT)
    assert shape_rules.shape_of(default.data, ROOT) == (1, 8, 8)


def test_a_class_that_the_data_does_not_have_is_named_before_the_training() -> None:
    given = ["guidance=classifier_free", "denoiser.conditional=true", "guidance.labels=cta"]
    config = plain(composition.compose(ROOT, given))
    with pytest.raises(UserError, match="there is no class 'cta'; the network knows cat"):
        shape_rules.check(config, (1, 8, 8), ("cat", "dog"))


@pytest.mark.parametrize(
    ("overrides", "is_named"),
    [
        (["data=fashion_mnist"], True),
        (["data=fashion_mnist", "data.pad_to=32"], True),
        (["data=fashion_mnist", "data.pad_to=32", "experiment=images32"], False),
        (["data=fashion_mnist", "data.pad_to=32", "net=dit_tiny"], False),
        (["data=fashion_mnist", "data.pad_to=32", "net=unet_tiny"], False),
        (["data=cifar10", "net=unet_lean", "net.patch=2"], False),
        (["data=folder", "data.size=64", "net=unet_tiny", *SMALL], True),
        ([], False),
    ],
)
def test_a_network_of_small_images_is_named_for_large_ones(
    overrides: list[str], is_named: bool
) -> None:
    config = plain(composition.compose(ROOT, overrides))
    shape = shape_rules.shape_of(config["data"], ROOT)
    assert shape is not None
    found = [str(issue) for issue in shape_rules.issues(config, shape)]
    told = [text for text in found if "experiment=images32" in text]
    assert found == told
    assert bool(told) == is_named


@pytest.mark.parametrize("data", ["fashion_mnist", "mnist", "cifar10"])
@pytest.mark.parametrize("network", ["net=unet_lean", "experiment=images32", "net=unet_64"])
def test_what_is_advised_for_large_images_is_not_refused(data: str, network: str) -> None:
    """28x28 halves twice at most, and is told the margin with the network."""
    config = plain(composition.compose(ROOT, [f"data={data}"]))
    shape = shape_rules.shape_of(config["data"], ROOT)
    assert shape is not None
    (told,) = map(str, shape_rules.issues(config, shape))
    assert network in told
    margin = re.findall(r"data\.pad_to=\d+", told)
    assert margin == ([] if data == "cifar10" else ["data.pad_to=32"])
    advised = plain(composition.compose(ROOT, [f"data={data}", network, *margin]))
    shape = shape_rules.shape_of(advised["data"], ROOT)
    assert shape is not None
    assert shape_rules.issues(advised, shape) == []


@pytest.mark.parametrize(
    ("data", "resize"),
    [
        (["data=mnist"], ""),
        (["data=folder", "data.size=28", *SMALL], ", or resize (data.size=24 or 32)"),
        (["data=folder", "data.size=20", "data.pad_to=28", *SMALL], ""),
    ],
)
def test_another_size_is_advised_where_the_data_has_one(
    data: list[str], resize: str
) -> None:
    with pytest.raises(UserError) as caught:
        composition.compose(ROOT, [*data, "net=unet_lean"])
    assert str(caught.value).endswith(f", or add a margin (data.pad_to=32){resize}")
