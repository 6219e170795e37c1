"""The numbers of the card against exact ones, its words, and the command."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from tests.conftest import Mistake
from tests.project import run_command, succeed
from torch import Tensor

from snowmelt.diffusion import schedule_diagnostics
from snowmelt.diffusion.predictions import Eps, V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import (
    Cosine,
    CosineBetas,
    Geometric,
    InputScaled,
    Learned,
    Linear,
    LinearBetas,
    ZeroTerminal,
)
from snowmelt.pipeline import callbacks
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.compatibility.configuration_rules import issues
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.schedule_cards import label_of, schedule_card
from snowmelt.tracking import Run
from snowmelt.viz.schedule_card.forward_strip import embedded_digit, example, forward_strip

ROOT = Path(__file__).parents[3]
SCHEDULES = composition.groups(ROOT)["schedule"]


def measured(process: Process, **changed: Any) -> schedule_diagnostics.ScheduleDiagnostics:
    given = {"prediction": V(), "steps": 50, "precision": "32-true"} | changed
    return schedule_diagnostics.schedule_diagnostics("mine", process, **given)


def divergence_of(process: Process, draws: int = 400_001) -> float:
    """The prior's divergence in bits by brute force: integrals over x for many x_0."""
    one = torch.ones((), dtype=torch.float64)
    alpha, sigma = float(process.alpha(one)), float(process.sigma(one))
    prior = process.prior_std()
    total = 0.0
    for x_0 in (-1.0, 1.0):  # unit variance
        x = torch.linspace(-12, 12, draws, dtype=torch.float64) * sigma + alpha * x_0
        log_q = -0.5 * ((x - alpha * x_0) / sigma) ** 2 - math.log(sigma)
        log_p = -0.5 * (x / prior) ** 2 - math.log(prior)
        density = torch.exp(log_q) / math.sqrt(2 * math.pi)
        total += float(torch.trapezoid(density * (log_q - log_p), x))
    return total / 2 / math.log(2)


@pytest.mark.parametrize(
    "process",
    [
        VariancePreserving(Cosine(8, -1)),
        VarianceExploding(Geometric(0.01, 2.0)),
        SubVariancePreserving(Linear(0.1, 3.0)),
    ],
)
def test_prior_kl_is_the_divergence(process: Process) -> None:
    assert schedule_diagnostics.prior_kl(process) == pytest.approx(
        divergence_of(process), rel=1e-6
    )


def test_prior_kl_keeps_its_digits_and_ends_at_nothing() -> None:
    tiny = VariancePreserving(Cosine(10, -20))
    # -ln(sigma^2) / 2 with alpha^2 + sigma^2 = 1, which is ln(1 + snr) / 2.
    exact = 0.5 * math.log1p(math.exp(-20)) / math.log(2)
    assert schedule_diagnostics.prior_kl(tiny) == pytest.approx(exact, rel=1e-6)
    assert schedule_diagnostics.prior_kl(VariancePreserving(ZeroTerminal(Linear()))) == 0.0
    even = VariancePreserving(Cosine(20, -20))
    assert schedule_diagnostics.prior_kl(even, 0.5) == pytest.approx(0.5)


def test_betas_are_those_of_the_chain() -> None:
    chain = LinearBetas(100)
    betas = schedule_diagnostics.betas_of(VariancePreserving(chain), 100)
    torch.testing.assert_close(betas, chain.betas, rtol=1e-10, atol=0)
    zero = schedule_diagnostics.betas_of(VariancePreserving(ZeroTerminal(Linear())), 10)
    assert float(zero[-1]) == 1.0
    assert ((zero[:-1] > 0) & (zero[:-1] < 1)).all()


def test_the_curves_are_those_of_the_process() -> None:
    process = VariancePreserving(Cosine(6, -6))
    one = measured(process, prediction=Eps(), steps=20)
    t = one.t
    assert (one.t[0], one.t[-1]) == (0.0, 1.0)
    assert (np.diff(one.t) > 0).all()
    np.testing.assert_allclose(one.alpha_bar, process.alpha(t) ** 2, rtol=1e-12)
    np.testing.assert_allclose(one.diffusion_sq, -2 * process.drift(t), rtol=1e-9)
    np.testing.assert_allclose(one.error_factor, np.exp(-one.log_snr / 2), rtol=1e-9)
    assert len(one.betas) == 20
    # A density of log-SNR: it integrates to one over all of them.
    assert -np.trapezoid(one.density, one.log_snr) == pytest.approx(1, abs=1e-3)
    assert (one.first_log_snr, one.last_log_snr) == pytest.approx((6, -6))


def test_a_sub_vp_process_is_asked_for_its_own_log_snr() -> None:
    process = SubVariancePreserving(Cosine(6, -6))
    assert measured(process).first_log_snr != pytest.approx(6)
    assert -np.trapezoid(
        measured(process).density, measured(process).log_snr
    ) == pytest.approx(1, abs=1e-3)


def test_chains_say_how_many_betas_they_cut_wherever_they_are() -> None:
    chain = CosineBetas(1000)
    assert chain.clipped_betas == 1
    assert measured(VariancePreserving(chain)).clipped == 1
    for schedule in (InputScaled(chain, 0.9), ZeroTerminal(chain)):
        found = schedule_diagnostics.chain_in(schedule)
        assert found == schedule_diagnostics.Chain(steps=1000, clipped=1)
    continuous = measured(VariancePreserving(Cosine(10, -30)))
    assert continuous.clipped is None
    assert continuous.would_be_clipped == 1
    assert measured(VariancePreserving(Cosine())).would_be_clipped == 0


def lost_by_hand(betas: Tensor, dtype: torch.dtype) -> int:
    """A table as other programs keep it, step by step."""
    exact, before, count = 1.0, 1.0, 0
    for beta in betas.tolist():
        exact *= 1 - beta
        kept = float(torch.tensor(exact, dtype=torch.float64).to(dtype))
        sigma, true = math.sqrt(1 - kept), math.sqrt(1 - exact)
        added = 1 - kept / before if before else math.nan
        bad_sigma = abs(sigma - true) > 0.01 * true
        count += bad_sigma or not abs(added - beta) <= 0.01 * beta
        before = kept
    return count


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_steps_lost_to_a_precision(dtype: torch.dtype) -> None:
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    lost = schedule_diagnostics.lost_steps(
        VariancePreserving(LinearBetas(1000)), 1000, dtype
    )
    assert abs(lost - lost_by_hand(betas, dtype)) <= 1
    assert (lost == 0) == (dtype is torch.float32)


def test_the_precision_of_the_trainer_counts() -> None:
    process = VariancePreserving(LinearBetas(1000))
    assert measured(process, precision="32-true").lost == 0
    assert measured(process, precision="bf16-mixed").lost > 900
    assert 0 < measured(process, precision="16-mixed").lost < 1000


def test_a_learned_schedule_is_where_it_starts() -> None:
    learned = measured(VariancePreserving(Learned(units=8)))
    assert learned.is_untrained
    assert not measured(VariancePreserving(Cosine())).is_untrained
    inside = VariancePreserving(InputScaled(Learned(units=8)))
    assert measured(inside).is_untrained


def composed(*overrides: str) -> Any:
    return composition.compose(ROOT, overrides, is_checked=False)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_has_a_card(schedule: str) -> None:
    config = composed(f"schedule={schedule}", "sampler.steps=8", "prediction=eps")
    assert label_of(config, ROOT) == schedule
    drawn = schedule_card({schedule: config}, {schedule: issues(config)}, ROOT)
    assert drawn.labels == (schedule,)
    assert len(drawn.rows) == 6
    for texts in drawn.rows.values():
        assert len(texts) == 1
        assert "nan" not in texts[0]
    is_error = schedule in ("zero_terminal", "learned")
    assert ("error: " in drawn.text()) == is_error


def test_a_combination_that_cannot_be_built_has_words_alone() -> None:
    config = composed("schedule=zero_terminal", "process=variance_exploding")
    drawn = schedule_card({"mine": config}, {"mine": issues(config)}, ROOT)
    assert drawn.labels == ()
    assert drawn.text().startswith("mine: error: process, schedule: ")
    assert drawn.figure.texts
    assert not drawn.figure.axes


def test_a_changed_schedule_has_the_name_of_its_class() -> None:
    assert label_of(composed("schedule=cosine"), ROOT) == "cosine"
    assert label_of(composed("schedule=cosine", "schedule.log_snr_max=8"), ROOT) == "Cosine"


def test_the_embedded_digit_is_scikit_learns() -> None:
    first = load_digits().images[0]
    np.testing.assert_allclose(embedded_digit()[0, 0], first / 8 - 1)


def test_the_strip_goes_from_the_example_to_the_same_noise() -> None:
    x_0 = embedded_digit()
    strips = [
        forward_strip(process, x_0)
        for process in (
            VariancePreserving(Cosine(30, -30)),
            VarianceExploding(Geometric(1e-6, 1e6)),
        )
    ]
    for strip in strips:
        np.testing.assert_allclose(strip[0], x_0, atol=1e-4)
        assert 0.7 < strip[-1].std() < 1.3
    np.testing.assert_allclose(strips[0][-1], strips[1][-1], atol=1e-3)


def run(*arguments: str, cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cwd)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    assert main(("card", *arguments)) == 0


def test_the_command_draws_several(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("schedule=linear,cosine", "sampler.steps=8")
    run(*given, cwd=workspace, monkeypatch=monkeypatch)
    said = capsys.readouterr().out
    drawn = workspace / "outputs" / "card" / "linear_cosine.png"
    assert said.splitlines()[-1] == f"card: {drawn}"
    assert "prior KL" in said
    with Image.open(workspace / "outputs/card/linear_cosine.png") as picture:
        assert picture.width == 1440
    run("schedule=sigmoid", "out=mine.png", cwd=workspace, monkeypatch=monkeypatch)
    assert (workspace / "mine.png").is_file()
    assert not (workspace / "multirun").exists()
    run("sweep=schedules", "--cfg", cwd=workspace, monkeypatch=monkeypatch)
    assert capsys.readouterr().out.count("---") == 2, "each schedule once, not each seed"


def test_the_command_tells_what_training_would_refuse(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("schedule=zero_terminal", "prediction=eps,v")
    run(*given, cwd=workspace, monkeypatch=monkeypatch)
    said = capsys.readouterr().out
    assert "eps: error: prediction, schedule: " in said
    assert "\nv: " not in said
    assert said.rstrip().endswith("outputs/card/eps_v.png")


def test_a_mistake_is_one_line(workspace: Path, mistake: Mistake) -> None:
    assert "unknown schedule 'cosin'" in mistake("card", "schedule=cosin", cwd=workspace)
    many = f"schedule={','.join(SCHEDULES)}"
    assert "at most 6" in mistake("card", many, cwd=workspace)
    for name in ("", "conf", "mine.txt"):
        text = mistake("card", f"out={name}", cwd=workspace)
        assert f"out={workspace / name}: name a file that ends in .png" in text
    blocked = "out=params.yaml/card.png"
    assert "cannot be written" in mistake("card", blocked, cwd=workspace)
    assert not (workspace / "outputs").exists()


def test_prepared_points_are_shown(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = np.random.default_rng(0).normal(size=(900, 2)).astype(np.float32)
    np.save(workspace / "cloud.npy", cloud)
    chosen = ("experiment=points", "data.path=cloud.npy")
    monkeypatch.chdir(workspace)
    config = composition.compose(workspace, chosen)
    where = workspace / config.paths.prepared
    assert example(where, config.data).name == "digits"
    assert main(("prepare", *chosen, "tracking=none")) == 0
    shown = example(where, config.data)
    assert shown.is_points
    assert shown.x_0.shape == (400, 2)
    capsys.readouterr()
    run(*chosen, "threshold=clip", cwd=workspace, monkeypatch=monkeypatch)
    assert "error: sampler.threshold: " in capsys.readouterr().out


def test_the_command_imports_nothing_slow(workspace: Path) -> None:
    code = (
        "import sys; from snowmelt.pipeline.cli import main\n"
        "main(['card', 'schedule=cosine,linear'])\n"
        "slow = {'mlflow', 'sklearn', 'pytorch_lightning', 'scipy', 'pandas'}\n"
        "print(slow & set(sys.modules))"
    )
    result = succeed(run_command(sys.executable, "-c", code, cwd=workspace))
    assert result.stdout.strip().endswith("set()")


class Recorder(Run):
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.texts: dict[str, str] = {}

    def log_file(self, path: Path, folder: str = "") -> None:
        self.files[f"{folder}/{path.name}"] = path.read_bytes()

    def log_text(self, name: str, text: str) -> None:
        self.texts[name] = text


def test_a_training_logs_its_card(tmp_path: Path) -> None:
    data: Any = SimpleNamespace(manifest=SimpleNamespace(classes=None, kind="images"))
    run, config = (
        Recorder(),
        composed("schedule=linear", "loss=edm", f"paths.root={tmp_path}"),
    )
    callbacks.watch(run, config, data, ROOT, "identity")
    assert run.files["card/card.png"].startswith(b"\x89PNG")
    assert "linear: warning: loss, prediction: " in run.texts["card/card.txt"]
    untracked = Recorder()
    callbacks.watch(untracked, composed("tracking=none"), data, ROOT, "identity")
    assert not untracked.files
