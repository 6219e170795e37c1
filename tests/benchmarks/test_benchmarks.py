"""The benchmarks run, and say what they measured."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from tests.benchmarks import gpu, machine, networks, operators, tables
from tests.benchmarks.__main__ import PARTS, before, joined, times_shipped
from tests.benchmarks.environment import REQUIREMENTS
from tests.benchmarks.neighbours import busy
from tests.benchmarks.rounds import ROOT, Contestant, in_turn, rate, ratio, started

PYTHON = Path(sys.executable)
SPREAD = {"median": 172.4, "low": 170.0, "high": 175.0}


def test_rates_are_the_median_and_the_quartiles_of_the_rounds() -> None:
    assert rate([2.0, 1.0, 0.5, 4.0, 0.25], 4) == {"median": 4.0, "low": 2.0, "high": 8.0}
    assert rate([0.5], 4) == {"median": 8.0, "low": 8.0, "high": 8.0}
    # A slow round of both leaves the ratio what it is.
    assert ratio([1.0, 5.0], [3.0, 15.0]) == {"median": 3.0, "low": 3.0, "high": 3.0}


def test_a_network_that_takes_a_third_of_the_time_is_three_times_as_fast() -> None:
    rows = [{"name": name, "how": how} for name in "ab" for how in ("fp32", "bf16")]
    found = [[3.0, 3.0], [1.0, 1.0], [6.0, 6.0], [2.0, 2.0]]
    (told,) = times_shipped("a", found[1], rows, found).items()
    assert told == ("b", {"median": 6.0, "low": 6.0, "high": 6.0})


@pytest.mark.parametrize(
    ("operator", "group"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::native_group_norm_backward", "normalisation"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("aten::_fused_adamw_", "optimiser"),
        ("aten::_foreach_lerp_", "average"),
        ("aten::addmm", "linear"),
        ("aten::silu", "elementwise"),
    ],
)
def test_an_operator_has_its_group(operator: str, group: str) -> None:
    assert operators.group(operator) == group


def test_ours_is_of_the_size_of_a_peer() -> None:
    ours = networks.parameters(networks.snowmelt(networks.read(networks.OURS)).net)
    theirs = networks.parameters(networks.diffusers().net)
    assert abs(ours / theirs - 1) < tables.MATCHED


def test_attention_is_counted() -> None:
    settings = networks.read(networks.OURS)
    without = settings | {"attention": [False] * 4}
    small, large = (
        networks.training_flops(networks.snowmelt(one)) for one in (without, settings)
    )
    wide = settings | {"attention": [True] * 4}
    # At 32x32 the two products of 1024 places with each other cost most.
    products = 3 * 2 * 2 * 1024**2 * 16 * 3
    assert networks.training_flops(networks.snowmelt(wide)) - large > products
    assert large > small


def test_the_peers_are_pinned_without_addresses() -> None:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins == sorted(pins)
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)


def test_a_contestant_takes_its_turns() -> None:
    ours = Contestant("snowmelt", "fp32", PYTHON, batch=2)
    with started([ours], networks.read(networks.OURS)) as (worker,):
        ((first, second),) = in_turn([worker], rounds=2, seconds=0.01)
        shares = worker.ask("profile")
    assert first > 0
    assert second > 0
    assert worker.about["parameters"] == 1_568_673
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["convolution"] > 0.2
    assert worker.process.returncode == 0


def test_neighbours_compute_and_go() -> None:
    me = psutil.Process()
    before = len(me.children())
    with busy(2):
        assert len(me.children()) == before + 2
    assert len(me.children()) == before


def test_the_dry_run_of_a_gpu_has_every_number() -> None:
    kept: list[int] = []
    content = gpu.measured(gpu.DRY, gpu.TINY, lambda found: kept.append(len(str(found))))
    assert kept == sorted(kept), "what was found is kept as it grows"
    assert [row["way"] for row in content["ways"]] == [
        name for name, way in gpu.WAYS.items() if not way.compiled
    ]
    assert [row["batch"] for row in content["training"]] == [2, 4]
    assert all(0 < row["of_peak"] < 1 for row in content["training"])
    assert all(row["evaluations"] > 0 < row["images"] for row in content["sampling"])
    rates = {row["way"]: row["images"] for row in content["ways"]}
    assert rates[content["fastest"]] == max(rates.values())
    assert content["minutes"]["steps"] > 0
    assert content["minutes"]["last_loss"] < content["minutes"]["first_loss"] * 1.5
    torch.set_float32_matmul_precision("highest")


def test_a_gpu_is_asked_for_as_many_evaluations_as_a_sampler_makes() -> None:
    training, asked = gpu.Training(gpu.DRY, gpu.TINY, 2, gpu.WAYS["bf16"]), []
    training.net.register_forward_hook(lambda *_: asked.append(1))
    training.evaluate()
    evaluated = len(asked)
    training.sample()
    assert evaluated == len(asked) - evaluated == gpu.SAMPLER_STEPS


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--batches", "0"], "--batches: must be 1 or more, got 0"),
        (["--seconds", "-1"], "--seconds: must be above 0, got -1"),
        (["--training-seconds", "nan"], "--training-seconds: must be above 0, got nan"),
        (["--net", "missing.yaml"], "--net: there is no file missing.yaml"),
        (["--out", __file__], "is no folder, and cannot be made one"),
        (["--out", f"{__file__}/below"], "is no folder, and cannot be made one"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        gpu.main(typed)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def content() -> dict[str, Any]:
    """Of two networks, as the benchmark would write it."""
    row = {"described": "UNet", "parameters": 1_600_000, "flops": 2e9, "images": SPREAD}
    times = {"diffusers": {"median": 4.1, "low": 4.0, "high": 4.2}}
    ours = row | {"name": "snowmelt", "how": "bf16", "times_shipped": times}
    theirs = row | {"name": "diffusers", "how": "fp32", "times_shipped": {}}
    described: dict[str, Any] = {"processor": "a processor", "instruction_sets": ["avx2"]}
    described |= {"threads": 2}
    described |= {
        "cores": 2,
        "torch": "2.14",
        "load": [0.1, 0, 0],
        "load_after": [1.9, 0, 0],
    }
    images = {0: 100.0, 1: 55.0, 4: 25.0}
    share = {"median": 0.97, "low": 0.96, "high": 0.98}
    return {
        "machine": described,
        "plan": {"batch": 64, "sampling_batch": 250, "neighbours": (0, 1, 4)},
        "peak": {"fp32": 200.0, "bf16": 800.0},
        "training": [ours | {"profile": {"convolution": 0.4, "average": 0.6}}, theirs],
        "sampling": [{"name": "snowmelt", "how": "fp32", "evaluations": SPREAD}],
        "command": {"share_of_bare": share, "steps": 9},
        "busy": [{"kind": "train", "waiting": "a short spin", "images": images}],
    }


def test_the_page_tells_what_was_measured() -> None:
    page = tables.page(content())
    assert "load average 0.1 before and 1.9 after" in page
    assert "| bf16 autocast | 172 (170 to 175) | 43% | diffusers 4.1 (4 to 4.2) |" in page
    assert "| snowmelt, bf16 autocast | 0% | 0% | 40% |" in page
    assert "reaches 0.97 (0.96 to 0.98)" in page
    assert "| train | a short spin | 100.0 | 55% | 25% |" in page
    assert "differ by 0.0% at most: a comparison of one size" in page


def test_what_is_measured_alone_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    assert before(path, ["busy"]) == {}
    path.write_text(json.dumps(content()), encoding="utf-8")
    assert before(path, PARTS) == {}
    left = before(path, ["training", "command"])
    assert set(left) == {"machine", "plan", "peak", "sampling", "busy"}
    now = {name: content()[name] for name in ("machine", "plan")}
    now["machine"] |= {"load": [9.0, 9.0, 9.0], "autogroup": 1}
    found = joined(left, now)
    assert found["machine"]["load"] == [9.0, 9.0, 9.0]
    # The page is that of before without the parts that are not measured yet.
    told = tables.page(found)
    assert "| train | a short spin | 100.0 | 55% | 25% |" in told
    assert "kernel.sched_autogroup_enabled=1; load average 9.0 before" in told
    assert "autocast" not in told
    for section, key in (("machine", "processor"), ("plan", "batch")):
        other = json.loads(json.dumps(now)) | {section: now[section] | {key: "another"}}
        with pytest.raises(SystemExit, match=rf"of another {section} \({key}: "):
            joined(left, other)
        assert joined({}, other)[section][key] == "another"


def test_how_the_system_shares_the_processor_is_told(tmp_path: Path) -> None:
    assert machine.autogroup(tmp_path / "none") == {}
    assert "autogroup" not in machine.told(content()["machine"])
    file = tmp_path / "sched_autogroup_enabled"
    file.write_text("0\n", encoding="ascii")
    told = machine.told(content()["machine"] | machine.autogroup(file))
    assert told.endswith(", kernel.sched_autogroup_enabled=0")
    assert machine.described().get("autogroup") == machine.autogroup().get("autogroup")


def test_networks_of_other_sizes_are_no_comparison() -> None:
    rows = content()
    rows["training"][1]["parameters"] = 1_700_000
    assert "differ by 6.2% at most: NOT a comparison" in tables.page(rows)


@pytest.mark.slow
def test_the_whole_of_it_once(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "tests.benchmarks", "--quick", "--alone"]
    subprocess.run([*run, "--out", str(tmp_path)], cwd=ROOT, check=True)
    measured = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert {row["how"] for row in measured["training"]} == {"fp32", "bf16", "conv_bf16"}
    assert measured["command"]["share_of_bare"]["median"] > 0
    assert "| snowmelt: UNet" in (tmp_path / "bench.md").read_text(encoding="utf-8")
