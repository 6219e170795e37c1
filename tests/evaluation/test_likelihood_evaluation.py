"""The likelihood of held-out data: its numbers, their protocols, and what is refused."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tests.evaluation.likelihood.held_out import make

from snowmelt.common.csv_table import csv_text
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.evaluation.likelihood import bound_table, denoising_error, variance_fit
from snowmelt.evaluation.likelihood.divergences import Rademacher
from snowmelt.evaluation.likelihood.measurements import Measurements
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.step_variances import Analytic
from snowmelt.evaluation.likelihood.value_kinds import Levels, Points
from snowmelt.evaluation.likelihood.variational_bound import Bound
from snowmelt.evaluation.likelihood_evaluation import measure
from snowmelt.evaluation.protocol import Evaluation
from snowmelt.evaluation.settings import LikelihoodSettings
from snowmelt.training.checkpoint import Checkpoint

__all__ = ["make"]

CONF = Path(__file__).parents[2] / "conf" / "likelihood"
FILES = sorted(CONF.glob("*.yaml"))
CPU = torch.device("cpu")
Make = Callable[..., tuple[Checkpoint, PreparedData]]


def section(name: str = "both", **changes: Any) -> dict[str, Any]:
    """A file of conf/likelihood/, made small."""
    found = LikelihoodSettings.of(plain(OmegaConf.load(CONF / f"{name}.yaml"))).plain()
    if found["bound"]:
        found["bound"] |= {"steps": 20, "strata": 4}
    if found["ode"]:
        found["ode"] |= {"steps": 4}
    return found | changes


def measured(made: tuple[Checkpoint, PreparedData], **changes: Any) -> Evaluation:
    checkpoint, data = made
    return measure(section(**changes), checkpoint, "ema", data, CPU)


def fitted(denoiser: Denoiser, data: PreparedData) -> Bound:
    """The bound of `section`, with a variance that fits the training data."""
    x = to_model(torch.from_numpy(np.array(data.train)), data.manifest)
    values = Levels(5) if data.manifest.kind == "images" else Points()
    bound = Bound(20, 4).placed(denoiser, values)
    variance, index = Analytic(), torch.arange(len(x))
    errors = variance_fit.errors(bound, variance, denoiser, x, index, seed=0)
    return variance_fit.fitted(bound, variance, denoiser.process, errors)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_of_conf_is_built(file: Path) -> None:
    settings = LikelihoodSettings.of(plain(OmegaConf.load(file)))
    wanted = Measurements.of(settings)
    is_wanted = wanted.bound is not None or wanted.ode is not None
    assert is_wanted == (file.stem != "none")
    assert settings.examples >= 2


def test_the_numbers_are_means_over_the_held_out_split(make: Make) -> None:
    checkpoint, data = make("images")
    found = measured((checkpoint, data)).metrics
    x_0 = to_model(torch.from_numpy(np.array(data.held_out)), checkpoint.manifest)
    denoiser, index = checkpoint.denoiser("ema"), torch.arange(len(x_0))
    terms = fitted(denoiser, data).terms(denoiser, x_0, index, Levels(5), seed=0)
    flow = ProbabilityFlow(4, Rademacher())
    bits, error = flow.measure(denoiser, x_0, index, Levels(5), seed=0)
    expected = {
        "bound_bits_per_dim": terms.total.mean(),
        "bound_bits_per_dim_se": terms.total.std() / math.sqrt(len(x_0)),
        "bound_small_bits_per_dim": terms.total_with_small_steps.mean(),
        "bound_small_bits_per_dim_se": terms.total_with_small_steps.std()
        / math.sqrt(len(x_0)),
        "bound_prior_bits_per_dim": terms.prior.mean(),
        "bound_steps_bits_per_dim": terms.steps.sum(1).mean(),
        "bound_decoder_bits_per_dim": terms.reconstruction.mean(),
        "ode_bits_per_dim": bits.mean(),
        "ode_bits_per_dim_se": bits.std() / math.sqrt(len(x_0)),
        "ode_bits_per_dim_step_error": error.mean().abs(),
    }
    index = torch.arange(len(x_0))
    errors = denoising_error.squared_errors(denoiser, x_0, index, seed=0)
    for place, level in enumerate(denoising_error.LEVELS):
        expected[f"denoising_error_at_{level}"] = errors[:, place].mean()
        spread = errors[:, place].std() / math.sqrt(len(x_0))
        expected[f"denoising_error_at_{level}_se"] = spread
    expected["denoising_error"] = errors.mean()
    expected["denoising_error_se"] = errors.mean(1).std() / math.sqrt(len(x_0))
    assert found == pytest.approx({key: float(value) for key, value in expected.items()})


def test_points_are_measured_in_their_own_coordinates_and_also_in_nats(make: Make) -> None:
    checkpoint, data = make("points")
    found = measured((checkpoint, data))
    scale = checkpoint.manifest.std
    assert scale is not None
    assert scale > 2
    x_0 = to_model(torch.from_numpy(np.array(data.held_out)), checkpoint.manifest)
    denoiser, index = checkpoint.denoiser("ema"), torch.arange(len(x_0))
    bound = fitted(denoiser, data)
    terms = bound.terms(denoiser, x_0, index, Points(), seed=0)
    bits = float(terms.total.mean()) + math.log2(scale)
    assert found.metrics["bound_bits_per_dim"] == pytest.approx(bits)
    for name in ("bound", "ode"):
        for end in ("", "_se"):
            bits = found.metrics[f"{name}_bits_per_dim{end}"]
            nats = found.metrics[f"{name}_nats{end}"]
            assert nats == pytest.approx(2 * math.log(2) * bits)
        assert found.protocol[name]["coordinates"] == "of the data"
        assert found.protocol[name]["scale"] == scale
    assert found.protocol["bound"]["decoder"] == "normal density"
    assert found.protocol["ode"]["dequantisation"] == "none"


def test_each_has_its_own_protocol(make: Make) -> None:
    found = measured(make("images")).protocol
    for name in ("bound", "ode"):
        said = found[name]
        assert said["split"] == "held-out"
        assert said["n"] == 12
        assert said["bit_depth"] == math.log2(5)
        assert said["weights"] == "ema"
        assert said["labels"] == "none"
        assert said["checkpoint_step"] == 70
    assert found["bound"]["digest"] != found["ode"]["digest"]
    assert found["bound"]["steps_computed"] == 4
    assert found["bound"]["variance"] == "Analytic"
    assert found["bound"]["variance_fitted_on"] == {"split": "training", "n": 48}
    assert found["bound"]["decoder"] == "discretised normal, open tails, at least 1e-12"
    assert found["ode"]["dequantisation"].startswith("the noise of the first time")
    assert found["ode"]["divergence"] == "Rademacher"
    assert found["ode"]["steps"] == 4


def test_the_digest_is_of_the_way_of_measuring(make: Make) -> None:
    made = make("images")
    checkpoint, data = made

    def digest(other: Checkpoint = checkpoint, **changes: Any) -> str:
        found = measured((other, data), name="bound", **changes)
        return str(found.protocol["bound"]["digest"])

    assert digest(replace(checkpoint, identity="other", step=9)) == digest()
    assert digest(batch_size=5) == digest()
    assert digest(examples=5) != digest()
    assert digest(seed=1) != digest()
    clipped = section("bound")["bound"] | {"clip": True}
    assert digest(bound=clipped) != digest()


@pytest.mark.parametrize("name", ["bound", "ode", "none"])
def test_only_what_is_asked_for_is_measured(make: Make, name: str) -> None:
    found = measured(make("images"), name=name)
    assert set(found.protocol) == (set() if name == "none" else {name, "denoising"})
    assert all(key.startswith((name, "denoising_error")) for key in found.metrics)
    assert bool(found.rows) == (name == "bound")


def test_batches_change_nothing(make: Make) -> None:
    made = make("images")
    whole, parts = measured(made).metrics, measured(made, batch_size=5).metrics
    assert parts == pytest.approx(whole, rel=1e-5)


def test_fewer_examples_are_the_first(make: Make) -> None:
    made = make("images")
    assert measured(made, examples=5).protocol["bound"]["n"] == 5
    some, all_ = measured(made, examples=5).metrics, measured(made).metrics
    assert some["bound_bits_per_dim"] != all_["bound_bits_per_dim"]


def test_the_flow_may_be_solved_for_fewer_examples(make: Make) -> None:
    made = make("images")
    found = measured(made, ode_examples=5)
    assert [found.protocol[name]["n"] for name in ("bound", "ode")] == [12, 5]
    some = measured(made, examples=5).metrics["ode_bits_per_dim"]
    assert found.metrics["ode_bits_per_dim"] == some
    made = make("points")
    assert measured(made, ode_examples=5).metrics["ode_nats"] is not None


def test_the_variance_is_fitted_on_training_data_alone(make: Make) -> None:
    checkpoint, data = make("images")
    found = measured((checkpoint, data), name="bound").metrics
    turned = replace(data, train=np.array(data.train)[::-1].copy())
    assert measured((checkpoint, turned), name="bound").metrics != found
    small = section("bound")["bound"]
    small["variance"] = {"_target_": "snowmelt.likelihood.FixedSmall"}
    other = measured((checkpoint, data), name="bound", bound=small)
    assert "variance_fitted_on" not in other.protocol["bound"]
    for key in ("bound_bits_per_dim", "bound_small_bits_per_dim"):
        assert other.metrics[key] == pytest.approx(found["bound_small_bits_per_dim"])
    assert found["bound_bits_per_dim"] < found["bound_small_bits_per_dim"]


def test_the_weights_that_were_sampled_are_measured(make: Make) -> None:
    checkpoint, data = make("images")
    ema, raw = (
        measure(section("bound"), checkpoint, weights, data, CPU)
        for weights in ("ema", "raw")
    )
    assert ema.metrics != raw.metrics
    assert raw.protocol["bound"]["weights"] == "raw"


def test_a_network_that_knows_classes_is_told_them(make: Make) -> None:
    told = {"learned_variance": False, "conditional": True}
    checkpoint, data = make("images", denoiser=told)
    found = measured((checkpoint, data), name="bound")
    assert found.protocol["bound"]["labels"] == "given"
    swapped = replace(data, held_out_labels=1 - np.array(data.held_out_labels))
    other = measured((checkpoint, swapped), name="bound")
    assert other.metrics["bound_bits_per_dim"] != found.metrics["bound_bits_per_dim"]


def test_a_learned_variance_and_a_learned_schedule(make: Make) -> None:
    made = make(
        "images",
        denoiser={"learned_variance": True, "conditional": False},
        schedule={"_target_": "snowmelt.schedules.Learned"},
    )
    found = measured(made)
    assert found.protocol["bound"]["variance"] == "Learned"
    assert all(math.isfinite(value) for value in found.metrics.values())


def test_the_table_adds_up_and_runs_from_noise_to_data(make: Make) -> None:
    bound = section("bound")["bound"] | {"decoder_width": None}
    found = measured(make("images"), bound=bound)
    rows = list(csv.DictReader(io.StringIO(csv_text(found.rows, bound_table.COLUMNS))))
    assert tuple(rows[0]) == bound_table.COLUMNS
    assert [row["term"] for row in rows] == ["prior", *["step"] * 4, "decoder"]
    bits = sum(float(row["bits_per_dim"]) for row in rows)
    assert bits == pytest.approx(found.metrics["bound_bits_per_dim"])
    assert [(row["first_step"], row["last_step"]) for row in rows[::5]] == [
        ("20", "20"),
        ("1", "1"),
    ]
    covered = [range(int(row["first_step"]), int(row["last_step"]) + 1) for row in rows[1:]]
    assert sorted(step for run in covered for step in run) == list(range(1, 21))
    lasts = [int(row["last_step"]) for row in rows]
    assert lasts == sorted(lasts, reverse=True)
    times = [float(row["time"]) for row in rows]
    middles = [(int(r["first_step"]) + int(r["last_step"])) / 40 for r in rows]
    assert times == pytest.approx(middles)
    log_snrs = [float(row["log_snr"]) for row in rows]
    assert log_snrs == sorted(log_snrs)
    assert log_snrs[0] == pytest.approx(-10.0)
    gained = [float(row["log_snr_gained"]) for row in rows]
    assert gained[0] == gained[-1] == 0.0
    process = VariancePreserving(Cosine())
    first, last = process.log_snr(torch.tensor([0.05, 1.0], dtype=torch.float64))
    assert sum(gained) == pytest.approx(float(first - last))
    ends = [(int(rows[2]["first_step"]) - 1) / 20, int(rows[2]["last_step"]) / 20]
    after, before = process.log_snr(torch.tensor(ends, dtype=torch.float64))
    assert gained[2] == pytest.approx(float(after - before))
    assert all(float(row["bits_per_dim_se"]) >= 0 for row in rows)


def test_zero_terminal_snr_has_a_bound_and_no_flow(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = {
        "_target_": "snowmelt.schedules.ZeroTerminal",
        "of": {"_target_": "snowmelt.schedules.Linear"},
    }
    made = make("images", schedule=schedule)
    assert math.isfinite(measured(made, name="bound").metrics["bound_bits_per_dim"])
    with pytest.raises(UserError, match=r"likelihood: .*zero terminal SNR"):
        measured(made, name="ode")
    both = measured(made, name="both")
    assert set(both.protocol) == {"bound", "denoising"}
    assert "the probability flow is left out: " in capsys.readouterr().out


def test_a_learned_variance_that_is_not_there(make: Make) -> None:
    bound = section("bound")["bound"]
    bound["variance"] = {"_target_": "snowmelt.likelihood.Learned"}
    with pytest.raises(UserError, match=r"denoiser\.learned_variance=true"):
        measured(make("images"), name="bound", bound=bound)


def test_a_flow_that_is_no_diffusion_has_none(make: Make) -> None:
    checkpoint, data = make("images")
    flow = replace(checkpoint, has_score=False)
    for name in ("bound", "ode", "both"):
        with pytest.raises(UserError, match=r"this flow does not end.*likelihood=none"):
            measured((flow, data), name=name)


def test_other_data_than_that_of_the_training(make: Make) -> None:
    checkpoint, data = make("images")
    other = replace(checkpoint.manifest, digests={"images.npy": "other"})
    with pytest.raises(UserError, match="nothing in it is known to be held out"):
        measured((replace(checkpoint, manifest=other), data))


def test_a_model_that_diverges_is_named(make: Make) -> None:
    checkpoint, data = make("images")
    broken = {k: v * 1e30 for k, v in checkpoint.ema.items()}
    with pytest.raises(UserError, match="errors on training data are not finite"):
        measured((replace(checkpoint, ema=broken), data), name="bound")
    small = section("bound")["bound"]
    small["variance"] = {"_target_": "snowmelt.likelihood.FixedSmall"}
    # And not the denoising error, for which the advice would be none.
    with pytest.raises(UserError, match="bound_bits_per_dim is nan"):
        measured((replace(checkpoint, ema=broken), data), name="bound", bound=small)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"examples": 1},
            r"likelihood\.examples must be an integer of at least 2, .*got 1",
        ),
        ({"batch_size": 0}, r"likelihood\.batch_size must be a positive integer, .*got 0"),
        ({"seed": -1}, r"likelihood\.seed must be"),
        (
            {
                "bound": {
                    "_target_": "snowmelt.likelihood.Bound",
                    "steps": 1,
                }
            },
            "steps",
        ),
        (
            {"ode": {"_target_": "snowmelt.likelihood.Bound"}},
            "ProbabilityFlow",
        ),
    ],
)
def test_settings_that_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Measurements.of(LikelihoodSettings.of(section("none") | changes))
