"""What the real data gave: the folder between the stages reference and evaluate.

- `extractor.pt` and, where the data has classes, `judge.pt`, the independent classifier:
  weights, nothing but tensors;
- `train_features.npy`, `held_out_features.npy`: float32 (N, F);
- `statistics.npz`: mean and covariance of the training features, float64;
- `held_out_probabilities.npy`: the independent classifier's, of the held-out split, (N, K);
- `reference.json`: what these are, enough to build both networks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from snowmelt.common.array_files import mapped, read_arrays, save_array
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.common.process_group import Group, at_work
from snowmelt.common.records import file_digests, read_record, write_record
from snowmelt.common.verification import Verification
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.features.extractor import AGAIN, Extractor, extract_to
from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.features.independent_classifier import IndependentClassifier
from snowmelt.evaluation.features.nearest_neighbours import typical_distance
from snowmelt.evaluation.reference_networks import Networks

FORMAT = 1
DESCRIPTION = "reference.json"
_STAGE = "reference"
Network = TypeVar("Network", Extractor, IndependentClassifier)


@dataclass(frozen=True)
class Reference:
    """The features of both splits and the networks that make them.

    Attributes:
        description: the content of reference.json.
        train, held_out: features, float32 (N, F), mapped from disk.
        statistics: of `train`.
        independent_classifier: None for data without classes, and then so is
        held_out_probabilities: of the independent classifier, float32 (N, K).
    """

    folder: Path
    description: dict[str, Any]
    extractor: Extractor
    train: np.ndarray
    held_out: np.ndarray
    statistics: Statistics
    independent_classifier: IndependentClassifier | None
    held_out_probabilities: np.ndarray | None

    @classmethod
    def open(
        cls,
        folder: Path,
        manifest: Manifest,
        features: Mapping[str, Any] | None = None,
    ) -> Reference:
        """Read what `write` wrote.

        Args:
            manifest: of the prepared data, from which it must have been made.
            features: the section of the configuration that it must have been made with;
                None for whatever it was.

        Raises:
            UserError: a file is missing or damaged, or was made from other data or with
                other settings.
        """
        description = described(folder, manifest)
        if features is not None:
            _check_settings(folder, description["features"], features)
        Verification(folder, description["digests"], made_by=_STAGE).finish()
        extractor = _network(
            Extractor, folder / "extractor.pt", description["extractor"], manifest
        )
        classifier, probabilities = None, None
        if description["judge"] is not None:
            classifier = _network(
                IndependentClassifier, folder / "judge.pt", description["judge"], manifest
            )
            probabilities = mapped(folder / "held_out_probabilities.npy", made_by=_STAGE)
        moments = read_arrays(folder / "statistics.npz")
        return cls(
            folder=folder,
            description=description,
            extractor=extractor,
            train=_features(folder, "train", description),
            held_out=_features(folder, "held_out", description),
            statistics=Statistics(moments["mean"], moments["covariance"]),
            independent_classifier=classifier,
            held_out_probabilities=probabilities,
        )


def write(
    target: Path, data: PreparedData, features: dict[str, Any], root: Path
) -> dict[str, Any]:
    """Make the extractor ready, measure both splits and write the folder, or nothing.

    The processes of a group share the work, and end in the same bytes as one.

    Args:
        target: replaced if this stage made it.
        features: the section `features` of the configuration; its
            `independent_classifier` describes that, the rest the extractor.
        root: what paths in it are relative to.

    Returns:
        The content of reference.json.

    Raises:
        UserError: data and extractor do not go together; the message names another.
    """
    verification = data.verify()
    networks = Networks.built(data, features)
    with Group() as group, group.directory(target, DESCRIPTION) as draft:
        networks.fit(data, draft, root, group)
        with group.sharing():
            statistics = _measure(draft, data, networks)
        description: dict[str, Any] = {}
        if group.rank == 0:
            description = _description(draft, data, features, networks, statistics)
            verification.finish()
            write_record(draft / DESCRIPTION, description)
        return group.from_first(description)


def _measure(draft: Path, data: PreparedData, networks: Networks) -> Statistics:
    """Write all numbers, in processes that share the work; returns the statistics."""
    train, _ = (
        extract_to(
            draft / f"{split}_features.npy", networks.extractor, rows, f"features of {what}"
        )
        for split, rows, what in (
            ("train", data.train, "the training split"),
            ("held_out", data.held_out, "the held-out split"),
        )
    )
    statistics = Statistics.of(train)
    probabilities = None
    if networks.classifier is not None:
        probabilities = networks.classifier.probabilities(data.held_out)
    if at_work().rank == 0:
        mean, covariance = statistics.mean, statistics.covariance
        np.savez(draft / "statistics.npz", mean=mean, covariance=covariance)
        if probabilities is not None:
            save_array(draft / "held_out_probabilities.npy", probabilities)
    return statistics


def _description(
    draft: Path,
    data: PreparedData,
    features: dict[str, Any],
    networks: Networks,
    statistics: Statistics,
) -> dict[str, Any]:
    """The content of reference.json."""
    train, held_out = (
        np.load(draft / f"{split}_features.npy", mmap_mode="r", allow_pickle=False)
        for split in ("train", "held_out")
    )
    return {
        "format": FORMAT,
        "data": data.manifest.digest,
        "features": features,
        "shape": list(data.manifest.shape),
        "train_count": len(train),
        "held_out_count": len(held_out),
        **networks.described(),
        "class_shares": _class_shares(data),
        "floor": frechet_distance(Statistics.of(held_out), statistics),
        "typical_distance": typical_distance(held_out, train),
        "digests": file_digests(draft),
    }


def described(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """The content of reference.json.

    Raises:
        UserError: it is missing, damaged or of other data, or an earlier version wrote it.
    """
    path = folder / DESCRIPTION
    description = read_record(path, made_by=_STAGE)
    if description.get("format") != FORMAT or "digests" not in description:
        raise UserError(f"{path} is not of the form that this version writes: {AGAIN}")
    if description["data"] != manifest.digest:
        raise UserError(
            f"{folder} was made from other data than the prepared '{manifest.name}'"
            f" {manifest.shape}: {AGAIN}"
        )
    return description


def _check_settings(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for key in sorted(then.keys() | now.keys()):
        if then.get(key) != now.get(key):
            raise UserError(
                f"{folder} was made with features.{key}={then.get(key)}, the configuration"
                f" says {now.get(key)}: {AGAIN}, or give the settings that it was made with"
            )


def _features(folder: Path, split: str, description: Mapping[str, Any]) -> np.ndarray:
    """The features of a split, of the form that the description tells."""
    path = folder / f"{split}_features.npy"
    found: np.ndarray = mapped(path, made_by=_STAGE)
    wanted = (description[f"{split}_count"], description["extractor"]["dimension"])
    if (found.shape, found.dtype) != (wanted, np.dtype(np.float32)):
        raise UserError(
            f"{path} holds {found.dtype} of shape {found.shape}, {DESCRIPTION} says float32"
            f" of shape {wanted}: {AGAIN}"
        )
    return found


def _class_shares(data: PreparedData) -> list[float] | None:
    """The share of each class in the training split."""
    labels, classes = data.train_labels, data.manifest.classes
    if labels is None or classes is None:
        return None
    shares = np.bincount(labels, minlength=len(classes)) / len(labels)
    return [float(share) for share in shares]


def _network(
    kind: type[Network], path: Path, description: dict[str, Any], manifest: Manifest
) -> Network:
    """A network of this folder, with the weights in `path`."""
    network = build(description["config"], kind, manifest=manifest)
    network.load(path)
    if network.digest != description["digest"]:
        raise UserError(
            f"{path} is not the file that {DESCRIPTION} describes (digest"
            f" {network.digest[:12]}, not {description['digest'][:12]}): {AGAIN}"
        )
    return network
