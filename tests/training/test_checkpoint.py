"""Checkpoints: what goes in comes out, as the same bytes, and nothing is executed."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import random
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.schedules import Sigmoid
from snowmelt.diffusion.time_sampling import Discrete, TimeSampler
from snowmelt.training import model_record
from snowmelt.training.checkpoint import Checkpoint, build_denoiser, load, save

CONFIG = {
    "seed": 3,
    "schedule": {"_target_": "snowmelt.schedules.Sigmoid", "tau": 0.9},
    "process": {"_target_": "snowmelt.processes.VariancePreserving"},
    "prediction": {"_target_": "snowmelt.predictions.V"},
    "net": {"_target_": "snowmelt.nets.MLP", "width": 4, "blocks": 1, "embedding": 2},
}
MANIFEST = Manifest(
    kind="points",
    name="tiny",
    count=10,
    train_count=8,
    held_out_count=2,
    shape=(2,),
    dtype="float32",
    value_range=None,
    classes=("a", "b"),
    class_counts={"a": 4, "b": 6},
    mean=(0.5, -1.0),
    std=2.0,
    split={"kind": "random", "seed": 0, "held_out_fraction": 0.2},
    skipped=(),
    notes=(),
    digests={"points.npy": "00"},
    config={"name": "tiny"},
)


def weights(seed: int) -> dict[str, torch.Tensor]:
    net = build_denoiser(CONFIG, (2,)).net
    generator = torch.Generator().manual_seed(seed)
    for value in net.parameters():
        value.data.normal_(generator=generator)
    return net.state_dict(keep_vars=True)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint("ab12", 70, CONFIG, MANIFEST, raw=weights(0), ema=weights(1))


@pytest.fixture
def written(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    save(tmp_path / "model.ckpt", checkpoint)
    return tmp_path / "model.ckpt"


def changed(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The same file with other content."""
    content = torch.load(path, weights_only=True)
    torch.save(change(content) or content, path)
    return path


def test_everything_comes_back(written: Path, checkpoint: Checkpoint) -> None:
    found = load(written)
    assert (found.identity, found.step, found.config) == ("ab12", 70, CONFIG)
    assert found.manifest == MANIFEST
    for name in ("raw", "ema"):
        mine, theirs = getattr(found, name), getattr(checkpoint, name)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
        assert not any(value.requires_grad for value in mine.values())


def with_averages(checkpoint: Checkpoint, text: Callable[[str], str]) -> Checkpoint:
    """A checkpoint with further averages and snapshots, every text in it by `text`."""

    def named(seed: int) -> dict[str, Any]:
        return {text(key): value for key, value in weights(seed).items()}

    snapshots = [
        {text("sigma_rel"): 0.05, text("place"): 35.0, text("weights"): named(seed)}
        for seed in (2, 3)
    ]
    further = {text("0.9"): named(4), text("0.99"): named(5)}
    return replace(
        checkpoint,
        identity=text("ab12"),
        raw=named(0),
        ema=named(1),
        further=further,
        snapshots=snapshots,
        lineage=[{text("identity"): text("ab12"), text("step"): 70}],
    )


def test_it_does_not_show_which_texts_are_one_object(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    """Those of a training that went on were read from its saved state."""
    ways = {
        "one": sys.intern,
        "each its own": lambda text: "".join(list(text)),
        "mixed": lambda text: sys.intern(text) if len(text) % 2 else "".join(list(text)),
    }
    for name, text in ways.items():
        save(tmp_path / name, with_averages(checkpoint, text))
    save(tmp_path / "again", load(tmp_path / "mixed"))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert len(load(tmp_path / "again").snapshots) == 2


def test_a_training_by_the_clock_has_its_seconds(
    tmp_path: Path, written: Path, checkpoint: Checkpoint
) -> None:
    assert load(written).seconds is None
    timed = replace(checkpoint, seconds=600.5)
    save(tmp_path / "timed.ckpt", timed)
    assert load(tmp_path / "timed.ckpt").seconds == 600.5
    older = changed(written, lambda content: content.pop("seconds"))
    assert load(older).seconds is None
    other = changed(written, lambda content: content.update(seconds="ten"))
    with pytest.raises(UserError, match="its seconds are 'ten', not a number"):
        load(other)
    model_record.write(tmp_path, timed)
    said = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert said["training_seconds"] == 600.5
    assert said["is_repeatable"] is False


def test_the_same_content_gives_the_same_bytes(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    paths = [tmp_path / "a.ckpt", tmp_path / "deep" / "another name.pt"]
    for path in paths:
        save(path, checkpoint)
    save(tmp_path / "again.ckpt", load(paths[0]))
    contents = {path.read_bytes() for path in (*paths, tmp_path / "again.ckpt")}
    assert len(contents) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.ckpt",
        "again.ckpt",
        "deep",
    ]


LEARNED = CONFIG | {"schedule": {"_target_": "snowmelt.schedules.Learned", "units": 4}}


def learned(shift: float) -> dict[str, torch.Tensor]:
    schedule = build_denoiser(LEARNED, (2,)).schedule
    assert schedule is not None
    return {name: value + shift for name, value in schedule.state_dict().items()}


def test_a_learned_schedule_comes_back(tmp_path: Path, checkpoint: Checkpoint) -> None:
    given = replace(checkpoint, config=LEARNED, schedule=learned(0.5))
    save(tmp_path / "model.ckpt", given)
    found = load(tmp_path / "model.ckpt")
    fresh = build_denoiser(LEARNED, (2,)).process
    t = torch.tensor([0.2, 0.7])
    for name in ("raw", "ema"):
        process = found.denoiser(name).process
        assert process.schedule.state_dict().keys() == given.schedule.keys()
        for key, value in process.schedule.state_dict().items():
            assert torch.equal(value, given.schedule[key])
        assert not torch.equal(process.log_snr(t), fresh.log_snr(t))
        assert not process.log_snr(t).requires_grad
    lacking = replace(checkpoint, config=LEARNED)
    with pytest.raises(UserError, match="the checkpoint's weights do not fit its network"):
        lacking.denoiser()


def test_a_file_from_before_schedules_were_learned_still_serves(written: Path) -> None:
    assert torch.load(written, weights_only=True)["schedule"] == {}
    found = load(changed(written, lambda content: content.pop("schedule") and None))
    assert found.schedule == {}
    assert torch.equal(
        found.denoiser()(torch.ones(3, 2), torch.tensor(0.4)),
        load(written).denoiser()(torch.ones(3, 2), torch.tensor(0.4)),
    )


def test_what_the_network_answers_to_follows_the_configuration() -> None:
    conditional = CONFIG | {"denoiser": {"conditional": True, "learned_variance": True}}
    denoiser = build_denoiser(conditional, (2,), ("a", "b", "c"))
    assert denoiser.learned_variance
    assert denoiser.net.last.out_features == 4
    assert denoiser.net.embedding.classes.num_embeddings == 4
    found = Checkpoint("1", 1, conditional, MANIFEST, {}, {})
    same = build_denoiser(conditional, (2,), MANIFEST.classes).net.state_dict()
    labels = torch.tensor([0, 1, -1])
    given = replace(found, raw=same, ema=same).denoiser().with_labels(labels)
    assert given(torch.ones(3, 2), torch.tensor(0.4)).shape == (3, 2)
    for unconditional in (CONFIG, CONFIG | {"denoiser": {"conditional": False}}):
        denoiser = build_denoiser(unconditional, (2,), ("a", "b", "c"))
        assert denoiser.net.embedding.classes is None


@pytest.mark.parametrize("classes", [None, ()])
def test_classes_that_are_not_there_are_refused(classes: tuple[str, ...] | None) -> None:
    conditional = CONFIG | {"denoiser": {"conditional": True}}
    named = "denoiser.conditional=true needs the classes of the data, and it has none"
    with pytest.raises(UserError, match=named):
        build_denoiser(conditional, (2,), classes)


def test_equal_configurations_give_the_same_bytes(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    # Composed in this process or read from a file: other objects, another order of keys.
    for name, spacing in (("a", None), ("b", 1)):
        text = json.dumps(CONFIG, sort_keys=name == "b", indent=spacing)
        save(tmp_path / name, replace(checkpoint, config=json.loads(text)))
    save(tmp_path / "c", checkpoint)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_the_denoiser_has_the_weights_that_were_asked_for(written: Path) -> None:
    found = load(written)
    x_t, t = torch.ones(3, 2), torch.tensor(0.4)
    expected = build_denoiser(CONFIG, (2,)).eval()
    for name, seed in (("raw", 0), ("ema", 1)):
        expected.net.load_state_dict(weights(seed))
        denoiser = found.denoiser(name)
        assert not denoiser.training
        assert not denoiser.net.training
        assert torch.equal(denoiser.x_0(x_t, t), expected.x_0(x_t, t))
        assert isinstance(denoiser.prediction, V)
        assert isinstance(denoiser.process.schedule, Sigmoid)
    assert torch.equal(found.denoiser()(x_t, t), found.denoiser("ema")(x_t, t))
    with pytest.raises(UserError, match=r"sample\.weights=best: .*there are ema, raw$"):
        found.denoiser("best")


class Payload:
    """Unpickling it would run a command."""

    def __init__(self, evidence: Path) -> None:
        self.command = f"touch {evidence}"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("form", ["zip", "legacy", "plain pickle", "inside"])
def test_a_malicious_file_is_refused_and_runs_nothing(
    written: Path, tmp_path: Path, form: str
) -> None:
    evidence = tmp_path / "evidence"
    content = torch.load(written, weights_only=True)
    payload = (
        content | {"raw": Payload(evidence)} if form == "inside" else Payload(evidence)
    )
    if form == "plain pickle":
        written.write_bytes(pickle.dumps(payload))
        # The trap is real: an ordinary unpickler walks into it.
        pickle.loads(written.read_bytes())
        assert evidence.exists()
        evidence.unlink()
    else:
        torch.save(payload, written, _use_new_zipfile_serialization=form != "legacy")
    with pytest.raises(UserError, match="is not a readable checkpoint"):
        load(written)
    assert not evidence.exists()


@pytest.mark.parametrize(
    ("section", "target"),
    [
        ("net", "os.system"),
        ("net", "builtins.eval"),
        ("net", "subprocess.Popen"),
        ("net", "torch.nn.Linear"),
        ("net", "snowmelt_evil.Net"),
        ("net", "MLP"),
        ("net", ""),
        ("net", "snowmelt.common.files.sha256"),
        ("net", "snowmelt.common.files.shutil.rmtree"),
        ("net", "snowmelt.common.distributed.subprocess"),
        ("net", "snowmelt.diffusion.denoiser.Denoiser"),
        ("net", "snowmelt.nowhere.Net"),
        ("schedule", "snowmelt.nets.mlp.MLP"),
        ("process", "snowmelt.diffusion.schedules.Cosine"),
        ("prediction", "snowmelt.diffusion.losses.Simple"),
    ],
)
def test_a_foreign_class_is_refused(written: Path, section: str, target: str) -> None:
    def change(content: dict[str, Any]) -> None:
        content["config"][section] = {"_target_": target}

    found = load(changed(written, change))
    with pytest.raises(UserError, match=f"_target_ '{target}'"):
        found.denoiser()


def test_a_bridge_of_before_is_refused(written: Path) -> None:
    """Its network answers the noise, which would be read as the score."""

    def change(content: dict[str, Any]) -> None:
        content["config"]["denoiser"] = {"with_score": True}

    with pytest.raises(UserError, match=r"answers the noise on the way.*train` again"):
        load(changed(written, change))


def test_a_bridge_comes_back(tmp_path: Path, checkpoint: Checkpoint) -> None:
    config = checkpoint.config | {"denoiser": {"with_score": True}}
    save(tmp_path / "model.ckpt", replace(checkpoint, config=config))
    assert load(tmp_path / "model.ckpt").config["denoiser"] == {"with_score": True}


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"none\.ckpt is missing: run `snowmelt train` first"
    ):
        load(tmp_path / "none.ckpt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x02.", b"PK\x03\x04"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.ckpt").write_bytes(content)
    with pytest.raises(
        UserError, match=r"model\.ckpt is not a readable checkpoint: ."
    ) as e:
        load(tmp_path / "model.ckpt")
    assert str(e.value).endswith(": run `snowmelt train` again, or name another")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a folder: name the model\.ckpt that was"):
        load(tmp_path)


def test_damaged_files_are_refused_without_a_crash(written: Path) -> None:
    content = torch.load(written, weights_only=True)
    legacy = io.BytesIO()
    torch.save(content, legacy, _use_new_zipfile_serialization=False)
    rng, refused = random.Random(0), 0
    for whole in (written.read_bytes(), legacy.getvalue(), rng.randbytes(300)):
        for _ in range(40):
            damaged = bytearray(whole[: rng.randrange(1, len(whole))])
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            written.write_bytes(damaged)
            try:
                load(written)
            except UserError as error:
                refused += str(written) in str(error)
    assert refused > 80


def test_files_of_another_program_are_refused(written: Path) -> None:
    for other in ([1, 2], {"state_dict": {}}, {"format": 2}):
        torch.save(other, written)
        with pytest.raises(UserError, match="is not a checkpoint of snowmelt"):
            load(written)


@pytest.mark.parametrize("key", ["identity", "step", "config", "manifest", "raw", "ema"])
def test_a_file_that_lacks_a_part_says_which(written: Path, key: str) -> None:
    changed(written, lambda content: content.pop(key) and None)
    with pytest.raises(UserError, match=f"model.ckpt is an incomplete checkpoint.*'{key}'"):
        load(written)


def test_weights_of_another_shape_are_refused(checkpoint: Checkpoint) -> None:
    wider = {**CONFIG, "net": {**CONFIG["net"], "width": 8}}
    with pytest.raises(UserError, match="the checkpoint's weights do not fit its network"):
        replace(checkpoint, config=wider).denoiser()
    with pytest.raises(UserError, match="net=mlp is for points"):
        replace(checkpoint, manifest=replace(MANIFEST, shape=(1, 8, 8))).denoiser()


def test_a_config_of_before_is_read_under_todays_keys(written: Path) -> None:
    """Checkpoints keep the names that sections and keys had when they were written."""
    times = {"_target_": "snowmelt.times.uniform.Discrete", "steps": 10}

    def change(content: dict[str, Any]) -> None:
        content["config"] |= {
            "times": times,
            "denoiser": {"conditional": True, "label_dropout": 0.2},
        }

    found = load(changed(written, change))
    assert found.config == CONFIG | {
        "time_sampling": times,
        "denoiser": {"conditional": True, "p_uncond": 0.2},
    }
    rule = build(found.config["time_sampling"], TimeSampler)
    assert isinstance(rule, Discrete)
    assert rule.steps == 10


def test_a_flipped_bit_in_the_weights_is_noticed(written: Path) -> None:
    whole = bytearray(written.read_bytes())
    value = torch.load(written, weights_only=True)["ema"]
    value = max(value.values(), key=torch.Tensor.numel)
    whole[whole.index(value.numpy().tobytes()) + 2] ^= 1
    written.write_bytes(whole)
    with pytest.raises(UserError, match=r"not a readable checkpoint: it is damaged"):
        load(written)


def test_a_packed_checkpoint_is_not_unpacked(written: Path) -> None:
    before = io.BytesIO(written.read_bytes())
    with (
        zipfile.ZipFile(before) as old,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(UserError, match=r"model\.ckpt is not .* compressed"):
        load(written)


def first_of(content: dict[str, Any], dtype: torch.dtype) -> None:
    name = next(iter(content["ema"]))
    content["ema"][name] = content["ema"][name].to(dtype)


def spoil(content: dict[str, Any]) -> None:
    next(iter(content["ema"].values())).fill_(math.nan)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: first_of(content, torch.complex64),
        lambda content: first_of(content, torch.int32),
        lambda content: first_of(content, torch.float16),
        spoil,
        lambda content: content["ema"].update(a=[1]),
        lambda content: content.update(raw=[1]),
        lambda content: content.update(step="many"),
        lambda content: content.update(identity=None),
        lambda content: content.update(config=7),
        lambda content: content["config"].update(net=[1]),
        lambda content: content["config"].update(denoiser=True),
        lambda content: content["config"].update(trainer=None),
        lambda content: content["config"]["net"].update(width=10**9),
        lambda content: content["config"]["net"].update(embedding=10**10),
        lambda content: content["config"]["net"].update(blocks=10**4),
        lambda content: content["config"].update(more={1}),
        lambda content: content.update(manifest={"format": 1}),
        lambda content: content["manifest"].update(shape=[10**12]),
    ],
)
def test_content_of_another_kind_is_one_clear_line(
    written: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    with pytest.raises(UserError):
        load(changed(written, change)).denoiser()


def test_weights_of_a_training_in_half_precision_are_read(written: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["config"]["trainer"] = {"precision": "16-true"}
        first_of(content, torch.float16)

    net = load(changed(written, change)).denoiser().net
    assert {value.dtype for value in net.parameters()} == {torch.float32}
