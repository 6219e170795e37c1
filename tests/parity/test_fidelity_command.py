"""`snowmelt evaluate` beside torch-fidelity's own command line, on the same weights.

One file of seeded random Inception weights, the same pictures as arrays here and as PNG
files there, grey and in colour, with and without classes. All numbers agree to 1e-6 of
themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_unit
from snowmelt.evaluation.settings import EvaluationSettings, ManifoldSettings
from snowmelt.pipeline.stages import evaluate, reference
from tests import sample_folders
from tests.pipeline.stages.test_evaluate import likelihood

SEED, KERNEL_SUBSETS, SCORE_PARTS, NEIGHBOURS = 3, 5, 2, 1
NAMES = {
    "frechet_distance": "frechet_inception_distance",
    "kernel_distance": "kernel_inception_distance_mean",
    "class_score": "inception_score_mean",
    "precision": "precision",
    "recall": "recall",
}


class Seeded(FeatureExtractorInceptionV3):
    """Theirs with weights of its own: it ignores what it loads."""

    def load_state_dict(self, *_: Any, **__: Any) -> None:
        return None


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in their format. He's scale keeps features away from zero."""
    path = tmp_path_factory.mktemp("inception") / "seeded.pth"
    torch.save({}, path)
    net = Seeded("inception", ["2048"], feature_extractor_weights_path=str(path))
    generator = torch.Generator().manual_seed(0)
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, generator=generator)
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.05, generator=generator)
    torch.save(net.state_dict(), path)
    return path


def pictures(count: int, channels: int, seed: int, high: int) -> np.ndarray:
    """Stripes of random widths and colours, 16x16."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, channels, 16, 16), np.uint8)
    for image in images:
        period, colours = random.integers(2, 9), random.integers(0, high + 1, (2, channels))
        stripes = (np.arange(16) // period) % 2
        image[:] = np.where(stripes[:, None] == 0, *(c[:, None, None] for c in colours))
        if random.uniform() < 0.5:
            image[:] = image.transpose(0, 2, 1)
    return images


def png_files(folder: Path, stored: np.ndarray, data: PreparedData) -> Path:
    """The pictures as files, in their order by name; of one channel as grey ones."""
    folder.mkdir()
    levels = torch.round(255 * to_unit(torch.from_numpy(stored), data.manifest))
    for number, image in enumerate(levels.to(torch.uint8).numpy()):
        shown = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(shown).save(folder / f"{number:03}.png")
    return folder


def ours(root: Path, samples: np.ndarray, weights: Path) -> dict[str, Any]:
    """metrics.json of the stages reference and evaluate."""
    features = {
        "_target_": "snowmelt.features.Inception",
        "weights": str(weights),
        "independent_classifier": None,
    }
    settings = EvaluationSettings(
        count=len(samples),
        subsets=1,
        kernel_subsets=KERNEL_SUBSETS,
        score_parts=SCORE_PARTS,
        seed=SEED,
        manifold=ManifoldSettings(precision_neighbours=NEIGHBOURS),
    )
    config = OmegaConf.create(
        {
            "data": {"name": "stripes"},
            "features": features,
            "evaluation": settings.plain(),
            "likelihood": likelihood("none"),
            "sample": {"checkpoint": "model.ckpt", "device": "cpu"},
            "trainer": {"processes": 1, "num_nodes": 1},
            "paths": {
                name: name
                for name in ("prepared", "reference", "samples", "evaluation", "reports")
            },
        }
    )
    reference.run(config, root)
    manifest = PreparedData.open(root / "prepared").manifest
    sample_folders.put(root / "samples", samples, manifest)
    found: dict[str, Any] = json.loads(evaluate.run(config, root).read_text())
    return found


def theirs(root: Path, weights: Path, subset_size: int) -> dict[str, float]:
    """What the command line says of the same pictures."""
    flags = {
        "--input1": root / "samples_png",
        "--input2": root / "train_png",
        "--feature-extractor": "inception-v3-compat",  # else VGG for precision and recall
        "--feature-extractor-weights-path": weights,
        "--isc-splits": SCORE_PARTS,
        "--kid-subsets": KERNEL_SUBSETS,
        "--kid-subset-size": subset_size,
        "--prc-neighborhood": NEIGHBOURS,
        "--rng-seed": SEED,
        "--batch-size": 32,
    }
    asked = [str(word) for pair in flags.items() for word in pair]
    wanted = ["--fid", "--kid", "--isc", "--prc", "--cpu", "--json", "--silent"]
    done = subprocess.run(
        [sys.executable, "-m", "torch_fidelity.fidelity", *wanted, "--no-cache", *asked],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.slow  # the eigenvalues of eight matrices of 2,048
@pytest.mark.parametrize(
    ("channels", "high", "count", "classes"),
    # Without a count, ours would take 13 of the 24 samples beside two classes.
    [(1, 16, 24, ("one", "two")), (3, 255, 8, None)],
    ids=["grey, two classes", "colour"],
)
def test_the_numbers_are_those_of_the_command_line(
    channels: int,
    high: int,
    count: int,
    classes: tuple[str, ...] | None,
    weights: Path,
    tmp_path: Path,
) -> None:
    dataset.write(
        tmp_path / "prepared",
        examples=pictures(2 * count, channels, 0, high),
        labels=np.arange(2 * count) % len(classes) if classes else None,
        classes=classes,
        name="stripes",
        value_range=(0, high),
        held_out_fraction=0.5,
        config={"name": "stripes"},
    )
    data = PreparedData.open(tmp_path / "prepared")
    samples = pictures(count, channels, 1, high)
    # Noise is far from all stripes: precision and recall are no plain ones.
    noise = np.random.default_rng(2).integers(0, high + 1, samples[::2].shape)
    samples[::2] = noise
    found = ours(tmp_path, samples, weights)
    assert (len(data.train), len(data.held_out)) == (count, count)
    assert found["protocol"]["n"] == count
    png_files(tmp_path / "samples_png", samples, data)
    png_files(tmp_path / "train_png", np.asarray(data.train), data)
    expected = theirs(tmp_path, weights, found["protocol"]["kernel_subset_size"])
    for mine, other in NAMES.items():
        assert found[mine] == pytest.approx(expected[other], rel=1e-6), mine
    # Only the standard weights make an FID, a KID or an Inception score of them.
    assert not {"fid", "kid", "inception_score"} & found.keys()
    assert min(found["precision"], found["recall"]) < 1
