"""One cloud becoming another: the same starts, the right ends, the least way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.combinations import close

from snowmelt.densities import GaussianMixture, GridDensity
from snowmelt.evaluation.metrics.wasserstein import wasserstein_2
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.viz.density_gallery import bridge_material, bridge_scenes
from snowmelt.viz.density_gallery.bridge_material import (
    COLDEST,
    FLOW,
    HOTTER,
    OPTIMAL,
    PAIRS,
    Clouds,
    bridge,
    carried_in_steps,
    clouds_of,
    ways,
)
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.plots import sample_paths

ABOVE = GaussianMixture([0.5, 0.5], [[-1.0, 2.0], [1.0, 2.0]], 0.05)


@pytest.fixture
def clouds(material: Material) -> Clouds:
    return clouds_of(replace(material, start=ABOVE, start_name="two above"))


def test_every_way_begins_at_the_same_starts(clouds: Clouds) -> None:
    moved = ways(clouds, 5, with_pairs=True)
    assert list(moved) == [PAIRS, FLOW, OPTIMAL, *map(bridge, clouds.potentials)]
    for way in moved.values():
        close(way.states[0].double(), clouds.starts, rtol=1e-6, atol=1e-6)
        assert torch.equal(way.times, moved[PAIRS].times)
        assert way.times[0] == 1
        assert way.times[-1] == 0
        assert len(way.times) == 5
    assert next(iter(ways(clouds, 5))) == PAIRS
    close(ways(clouds, 5)[PAIRS].states, moved[FLOW].states)


def test_the_optimal_ways_are_lines_and_as_short_as_can_be(clouds: Clouds) -> None:
    way = ways(clouds, 9)[OPTIMAL]
    turned = (1 - way.times)[:, None, None]
    lines = way.states[0] + turned * (way.states[-1] - way.states[0])
    close(way.states, lines, rtol=1e-9, atol=1e-9)
    assert sorted(clouds.partners.tolist()) == list(range(clouds.count))
    work = float((way.states[-1] - way.states[0]).square().sum(1).mean())
    best = wasserstein_2(clouds.starts.numpy(), clouds.ends.numpy())
    assert work == pytest.approx(best**2)


def test_the_flow_of_independent_pairs_ends_in_the_data(material: Material) -> None:
    more = material.size.model_copy(update={"points": 600})
    for start in (None, ABOVE):
        clouds = clouds_of(replace(material, start=start, size=more))
        ends = clouds.flow(Heun(60)).states[-1]
        left = (ends[:, 0] < -0.6).double().mean()
        assert float(left) == pytest.approx(0.3, abs=0.06)
        assert float(material.density.log_prob(ends).mean()) == pytest.approx(
            float(material.density.log_prob(clouds.ends).mean()), abs=0.25
        )


def test_a_colder_bridge_works_less_and_wanders_less(clouds: Clouds) -> None:
    even = torch.full((clouds.count,), 1.0, dtype=torch.float64)
    work = [float(clouds.cost.gather(1, clouds.partners[:, None]).mean())]
    for entropy in clouds.potentials:
        chances = (clouds.potentials[entropy] - clouds.cost / entropy).softmax(1)
        close(chances.sum(0), even, rtol=0, atol=1e-3)
        work.append(float((chances * clouds.cost).sum(1).mean()))
    work.append(float(clouds.cost.mean()))  # of independent pairs
    assert work == sorted(work)
    assert len(set(work)) == 4
    _, hot = clouds.potentials
    way = ways(clouds, 9)[bridge(hot)]
    middle = 0.5 * (way.states[0] + way.states[-1])
    off = (way.states[4] - middle).square().mean()
    assert float(way.times[4]) == pytest.approx(0.5)
    assert float(off) == pytest.approx(hot * 0.25, rel=0.4)


def test_one_step_is_enough_for_a_line_and_many_for_the_rest(material: Material) -> None:
    more = material.size.model_copy(update={"points": 300})
    clouds = clouds_of(replace(material, start=ABOVE, size=more))
    found = carried_in_steps(clouds, (1, 32))
    assert torch.equal(*found[OPTIMAL])
    truth = clouds.ends.numpy()
    floor = wasserstein_2(found[OPTIMAL][0].numpy(), truth)
    assert floor == pytest.approx(0.0, abs=1e-6)
    _, hot = clouds.potentials
    for name, least in ((PAIRS, 3.0), (bridge(hot), 1.2)):
        one, many = (wasserstein_2(part.numpy(), truth) for part in found[name])
        assert one > least * many, name
    for entropy in clouds.potentials:
        assert wasserstein_2(found[bridge(entropy)][1].numpy(), truth) < 0.2
    row = (clouds.potentials[hot] - clouds.cost / hot).softmax(1)
    close(found[bridge(hot)][0], row @ clouds.ends, rtol=1e-7, atol=1e-9)


def test_a_cold_plan_that_is_not_found_gives_way_to_a_warmer_one(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    found = bridge_material.entropic_potentials

    def stubborn(cost, one, two, entropy, **how):
        asked.append(entropy)
        if entropy < 0.05:
            raise ValueError("rounds did not bring the plan")
        return found(cost, one, two, entropy, tolerance=1e-3)

    monkeypatch.setattr(bridge_material, "entropic_potentials", stubborn)
    assert list(clouds.potentials) == [0.05, HOTTER * 0.05]
    assert asked == [COLDEST[0], 0.05, HOTTER * 0.05]


def test_a_cloud_is_not_too_large_for_its_plan(material: Material) -> None:
    many = material.size.model_copy(update={"points": 5000})
    assert clouds_of(replace(material, size=many)).count == bridge_material.MOST
    assert clouds_of(material).count == 40


def test_the_paths_that_are_drawn_are_those_of_every_kind(
    material: Material, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    drawn = {}
    original = sample_paths.paths_in_plane_beside

    def keep(panels, **how):
        drawn.update(panels)
        drawn["raster"] = how["raster"]
        return original(panels, **how)

    monkeypatch.setattr(bridge_scenes, "paths_in_plane_beside", keep)
    told = replace(material, start=ABOVE)
    bridge_scenes.draw_bridge_paths(told, tmp_path)
    assert (tmp_path / "bridge_paths.png").stat().st_size > 10_000
    raster = drawn.pop("raster")
    few = 2 * material.size.paths
    starts = clouds_of(told).starts[:few]
    for states in drawn.values():
        np.testing.assert_allclose(states[0], starts, atol=1e-6)
    assert len(drawn) == 5
    assert raster.extent[3] > 2.3, "the start lies above"
    assert 1.0 <= float(raster.values.max()) < 1.1


def test_only_known_flows_are_drawn(material: Material) -> None:
    assert bridge_scenes.needs_known_flow(material) is None
    assert bridge_scenes.needs_known_flow(replace(material, start=ABOVE)) is None
    board = GridDensity([[1.0, 2.0], [2.0, 1.0]])
    told = replace(material, density=board)
    assert bridge_scenes.needs_known_flow(told) is None
    reason = bridge_scenes.needs_known_flow(replace(told, start=ABOVE))
    assert "mixtures of normal distributions only" in (reason or "")
