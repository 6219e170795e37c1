"""Parts inside others by the names of their files."""

from __future__ import annotations

import pytest
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import composition, named_parts
from snowmelt.pipeline.config.conf_files import body_of

FLOW = ("experiment=moons_to_eight", "start=density")
DENSITIES = sorted(file.stem for file in (ROOT / "conf" / "density").glob("*.yaml"))


def density(name: str) -> dict[str, object]:
    return body_of(ROOT / "conf" / "density" / f"{name}.yaml")


@pytest.mark.parametrize("name", DENSITIES)
def test_any_density_is_a_start_and_leaves_the_data_alone(name: str) -> None:
    config = composition.compose(ROOT, [*FLOW, f"start.of.density={name}"])
    assert config.start.of.density == density(name)
    assert config.data.density == density("eight_normals")


def test_the_density_of_the_data_leaves_the_start_alone() -> None:
    config = composition.compose(ROOT, [*FLOW, "density=gaussian"])
    assert config.data.density == density("gaussian")
    assert config.start.of.density == density("normal")


def test_normal_is_standard() -> None:
    body = density("normal")
    assert body["mean"] == [0.0, 0.0]
    assert body["std"] == 1.0


def test_a_density_may_be_written_out_too() -> None:
    own = "{_target_: snowmelt.densities.Gaussian, mean: [1.0, 2.0], std: 0.5}"
    config = composition.compose(ROOT, [*FLOW, f"start.of.density={own}"])
    assert config.start.of.density.mean == [1.0, 2.0]


def test_an_unknown_density_is_one_line_with_those_that_there_are() -> None:
    said = r"start.of.density: unknown density 'moon' \(did you mean 'moons'\?\). Known: "
    with pytest.raises(UserError, match=said + "checkerboard, "):
        composition.compose(ROOT, [*FLOW, "start.of.density=moon"])


def test_a_file_takes_what_it_refers_to_from_the_configuration() -> None:
    plain = {"start": {"of": "density"}, "density": {"std": 2.0}}
    found = named_parts.with_named_parts(plain, ROOT)
    assert found["start"]["of"]["density"] == {"std": 2.0}
    assert found["start"]["of"]["name"] == "density"
