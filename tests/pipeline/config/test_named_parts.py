"""Parts inside others by the names of their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import composition, named_parts, typed_places
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


@pytest.mark.parametrize("is_first", [True, False])
def test_keys_of_a_named_file_are_set_below_its_name(is_first: bool) -> None:
    given = ["start.of=array", "start.of.path=/tmp/b.npy", "start.of.held_out_fraction=0.4"]
    if not is_first:
        given.reverse()
    config = composition.compose(
        ROOT, ["experiment=moons_to_eight", "start=data", *given], is_checked=False
    )
    assert config.start.of["_target_"] == "snowmelt.data.Array"
    assert (config.start.of.path, config.start.of.held_out_fraction) == ("/tmp/b.npy", 0.4)
    assert config.start.of.split_seed == 0


def test_keys_are_set_of_a_file_that_an_experiment_names() -> None:
    config = composition.compose(
        ROOT, ["experiment=moons_to_eight", "start.of.count=9000"], is_checked=False
    )
    assert config.start.of == body_of(ROOT / "conf" / "data" / "wide_moons.yaml") | {
        "count": 9000
    }


def test_another_file_takes_the_whole_place_of_one_that_is_written_out() -> None:
    config = composition.compose(
        ROOT,
        [*FLOW, "start.of=rings", "start.of.rings=3", "schedule=zero_terminal"],
        is_checked=False,
    )
    assert set(config.start.of) == set(body_of(ROOT / "conf" / "data" / "rings.yaml"))


def test_keys_are_set_of_parts_inside_parts_of_their_own_group() -> None:
    given = ["schedule=zero_terminal", "schedule.of=laplace", "schedule.of.scale=0.7"]
    config = composition.compose(ROOT, given, is_checked=False)
    assert config.schedule.of.scale == 0.7


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["start.of=array", "start.of.pat=b.npy"], r"unknown key 'start\.of\.pat' \(did"),
        (["start.of=arrays", "start.of.path=b.npy"], r"unknown data 'arrays' \(did you"),
        (["net.of=cosine", "net.of.shift=1"], r"unknown key 'net\.of"),
    ],
)
def test_what_a_named_file_has_not_is_one_line(given: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        composition.compose(ROOT, ["experiment=moons_to_eight", *given])


def test_a_path_below_a_name_counts_from_where_it_is_typed(tmp_path: Path) -> None:
    typed = ["experiment=moons_to_eight", "start.of=array", "start.of.path=b.npy"]
    assert typed_places.from_here(ROOT, typed, tmp_path)[-1] == (
        f"start.of.path='{tmp_path}/b.npy'"
    )
