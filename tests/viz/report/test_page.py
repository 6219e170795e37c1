"""The page itself: it holds everything, asks for nothing and runs nothing."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.evaluation.test_training_cost import WHOLE
from tests.project import ROOT

from snowmelt.viz.report import page as page_module
from snowmelt.viz.report.page import DVC_SAMPLES, pairs, render, shown
from snowmelt.viz.report.report_material import Material
from snowmelt.viz.style import image_bytes

EVIL = "<script>alert('x')</script>"
VOID = {"meta", "img", "br", "hr", "input", "link"}


def manifest(kind: str, count: int) -> dict[str, Any]:
    is_images = kind == "images"
    return {
        "format": 1,
        "kind": kind,
        "name": "digits",
        "count": 2 * count,
        "train_count": count,
        "held_out_count": count,
        "shape": [1, 8, 8] if is_images else [2],
        "dtype": "uint8" if is_images else "float32",
        "value_range": [0, 16] if is_images else None,
        "levels": 17 if is_images else None,
        "bits": 4.09 if is_images else None,
        "classes": ["0", EVIL] if is_images else None,
        "class_counts": {"0": 1000, EVIL: 2} if is_images else None,
        "mean": None if is_images else [0.5, 0.25],
        "std": None if is_images else 0.75,
        "split": {"seed": 0, "held_out_fraction": 0.2},
        "skipped": [{"file": f"{EVIL}.png", "reason": "not an image"}],
        "notes": ["2 held-out examples are equal to a training example"],
        "digests": {"images.npy": "d" * 64},
        "config": {},
    }


def material(kind: str = "images", **changes: Any) -> Material:
    rng = np.random.default_rng(0)
    if kind == "images":
        real, generated = (
            rng.integers(0, 17, (n, 1, 8, 8)).astype(np.uint8) for n in (30, 40)
        )
    else:
        real, generated = (rng.standard_normal((n, 2)).astype(np.float32) for n in (30, 40))
    t = np.linspace(0, 1, 16)
    step = np.arange(0.0, 50, 10)
    made = Material(
        config={
            "name": None,
            "net": {"width": 64, "title": EVIL},
            "paths": {"samples": "./outputs/samples", "root": "/home/someone"},
        },
        manifest=manifest(kind, 30),
        real=real,
        generated=generated,
        metrics={
            "frechet_distance": 3.2146,
            "frechet_distance_floor": 1.102,
            "protocol": {"extractor": "classifier", "quantiser": "rounded"},
        },
        samples={
            "identity": "i" * 64,
            "checkpoint": {"identity": "c" * 64, "step": 6000, "weights": "ema"},
            "digest": "s" * 64,
        },
        reference={"extractor": "classifier", "accuracy": 0.9778},
        losses={"step": step, "loss": np.exp(-step / 10)},
        schedule=("Cosine", t, 5 - 10 * t),
        run_id="run1234",
    )
    return replace(made, **changes)


@functools.cache
def usual_page() -> str:
    """The page of the usual material; drawing it takes a second."""
    return render(material())


class Reader(HTMLParser):
    """Collects the tags, checks that they close, and keeps text and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = ("src", "href", "xlink:href", "action", "data", "srcset")
        self.addresses += [value or "" for name, value in attributes if name in names]
        assert not any(name.startswith("on") for name, _ in attributes), attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " if tag in ("th", "td", "div", "p", "li") else ""

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("kind", ["images", "points"])
def test_page_is_whole_deterministic_light_and_asks_for_nothing(kind: str):
    page = render(material(kind))
    assert page == render(material(kind))
    assert page.startswith("<!doctype html>")
    assert len(page) < 3_000_000
    reader = Reader(page)
    assert reader.open == []
    assert reader.addresses
    assert all(address.startswith(("data:image/", "#")) for address in reader.addresses)
    assert not re.search(r"https?://|//\w+\.|@import|url\((?!#)", page)
    assert {"script", "link", "iframe", "object"}.isdisjoint(reader.tags)


def test_nothing_from_data_or_configuration_becomes_markup():
    page = usual_page()
    assert EVIL not in page
    text = Reader(page).text
    assert EVIL in text, "the class"
    assert f"{EVIL}.png" in text, "the skipped file"
    assert text.count(EVIL) == 3, "the setting"


def test_page_shows_numbers_with_floor_protocol_data_and_provenance():
    text = " ".join(Reader(usual_page()).text.split())
    for expected in (
        "Frechet distance (classifier)",
        "3.21",
        "a perfect model: 1.10",
        "the samples are 2.11 from it",
        "quantiser rounded",
        "0 to 16: 17 levels",
        "held-out split 30",
        "2 held-out examples are equal to a training example.",
        "accuracy 0.9778",
        "net",
        "d" * 64,
        "s" * 64,
        "c" * 64,
        "run1234",
        "averaged weights at step 6,000",
        "sha256sum outputs/samples/samples.npy",
    ):
        assert expected in text, expected
    assert "FID" not in text
    assert "/home/someone" not in text


def test_the_reference_does_not_repeat_the_configuration():
    reference = {
        "extractor": {"name": "classifier", "dimension": 64, "config": {"steps": 600}},
        "class_shares": [0.1] * 10,
    }
    text = " ".join(Reader(render(material(reference=reference))).text.split())
    assert "extractor.dimension 64" in text
    assert "extractor.config.steps" not in text
    assert "class_shares" not in text


def test_fid_is_called_fid():
    text = Reader(render(material(metrics={"fid": 7.0, "fid_floor": 2.0}))).text
    assert "FID" in text
    assert "Frechet" not in text


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"losses": {}}, "Training"),
        ({"schedule": None}, "Noise schedule"),
        ({"reference": {}}, "Reference"),
        ({"metrics": {}}, "Metrics"),
    ],
)
def test_a_missing_part_leaves_out_its_section(change: dict[str, Any], title: str):
    assert f"<h2>{title}</h2>" in usual_page()
    assert f"<h2>{title}</h2>" not in render(material(**change))


def test_parts_that_few_runs_have_leave_no_empty_section():
    assert "From noise to data" not in usual_page()
    assert "Loss at each noise level" not in usual_page()


def test_parts_that_are_there_get_their_section():
    given = {"edges": [-5, 0, 5], "loss": [0.9, 0.3]}
    page = render(
        material(
            metrics={"loss_by_log_snr": given},
            pictures={"trajectory_animation": b"GIF89a", "preview": b"\x89PNG"},
        )
    )
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert {"Training", "Noise schedule", "Reference", "From noise to data"} <= set(titles)
    assert "Loss at each noise level" in titles
    assert "data:image/gif;base64,R0lGODlh" in page


TERMS = {
    "term": np.array(["prior", "step", "step", "step", "decoder"]),
    "time": np.array([1.0, 0.8, 0.5, 0.2, 0.01]),
    "log_snr": np.array([-10.0, -6.0, 0.0, 6.0, 9.0]),
    "log_snr_gained": np.array([0.0, 6.0, 6.0, 6.0, 0.0]),
    "bits_per_dim": np.array([0.01, 0.2, 1.1, 0.6, 0.4]),
}


def test_samples_that_were_guided_are_not_passed_off_as_free():
    free = usual_page()
    assert "guided" not in free
    assert "Completed examples" not in free
    target = "snowmelt.sampling.guidance.inpainting.Inpainting"
    completed = {"guidance": {"_target_": target}, "error_to_examples": 3.5}
    picture = image_bytes(Image.new("L", (4, 4)))
    page = render(material(samples=completed, pictures={"completion": picture}))
    assert "not drawn freely but guided (Inpainting)" in page
    assert re.search(r"they are 3\.50* away", page)
    assert "Completed examples" in page
    target = "snowmelt.sampling.guidance.classifier_free.ClassifierFreeGuidance"
    page = render(material(samples={"guidance": {"_target_": target}}))
    assert "measure that choice too" in page
    how = {"measured_as": "samples of chosen classes", "reference_classes": {"3": 1.0}}
    numbers = {"frechet_distance": 3.0, "protocol": how}
    asked = material(samples={"guidance": {"_target_": target}}, metrics=numbers)
    assert "They are samples of chosen classes." in render(asked)
    assert "samples of the classes 3 against training examples of the same" in render(asked)
    numbers = {"completion_error": 0.2, "completion_error_real": 0.4}
    numbers["protocol"] = {"measured_as": "completions", "left_out": "distances"}  # type: ignore[assignment]
    page = render(material(samples=completed, metrics=numbers))
    assert "Left out here: distances." in page
    assert "completions of held-out examples: root of the mean squared difference" in page
    assert "Another held-out example in its place would be 0.400 away." in page
    assert "Two real sets" not in page
    free = {"guidance": {"_target_": "snowmelt.guidance.Unguided"}}
    assert "guided" not in render(material(samples=free))


def test_likelihoods_have_a_section_of_their_own():
    said = {
        "bound_bits_per_dim": 2.3123,
        "bound_bits_per_dim_se": 0.021,
        "ode_bits_per_dim": 2.5,
        "ode_bits_per_dim_se": 0.04,
        "ode_bits_per_dim_step_error": 0.0012,
        "likelihood": {
            "bound": {"steps": 1000, "steps_computed": 32, "levels": 17, "variance": EVIL},
            "ode": {"steps": 64, "levels": 17, "divergence": "Rademacher"},
        },
    }
    page = render(material(metrics=said, likelihood=TERMS))
    assert EVIL not in page
    assert "<h2>Metrics</h2>" not in page
    text = " ".join(Reader(page).text.split())
    for expected in (
        "variational bound of a chain of 1,000 steps 2.312 ± 0.021 bits/dim",
        "estimated without bias from 32 of 999 steps",
        "probability-flow equation 2.500 ± 0.040 bits/dim",
        "by dequantisation; half as many steps change it by 0.00120",
        "two different models",
        "divergence Rademacher",
    ):
        assert expected in text, expected
    assert "prior 0.0100, steps 1.90, decoder 0.400" in page
    assert "Likelihood" not in re.findall(r"<h2>(.*?)</h2>", usual_page())


def test_one_likelihood_of_points_is_reported_in_nats_too():
    said = {
        "bound_bits_per_dim": 1.5,
        "bound_bits_per_dim_se": 0.03,
        "bound_nats": 2.079,
        "bound_nats_se": 0.042,
        "likelihood": {"bound": {"steps": 10, "steps_computed": 9}},
    }
    text = " ".join(Reader(render(material("points", metrics=said))).text.split())
    assert "1.500 ± 0.030 bits/dim (2.079 ± 0.042 nats an example)" in text
    assert "at most this many bits; of a chain of its own, not of the sampler ±" in text
    assert "two different models" not in text


def test_the_experiment_is_named_after_its_data_unless_it_has_a_name():
    assert "<h1>digits</h1>" in usual_page()
    named = material(config={"name": "my <run>"})
    assert "<h1>my &lt;run&gt;</h1>" in render(named)


def test_grids_show_the_first_samples_equally_many_of_each():
    real, generated, columns = pairs(material())
    assert len(real) == len(generated) == 30
    assert (generated == material().generated[:30]).all()
    assert columns == 7


@pytest.mark.parametrize(
    ("side", "columns", "rows"),
    [(8, 7, 7), (28, 5, 5), (32, 5, 5), (64, 3, 6), (256, 3, 6)],
)
def test_large_images_are_shown_fewer(side: int, columns: int, rows: int):
    examples = np.zeros((200, 1, side, side), np.uint8)
    some, found = shown(examples)
    assert (len(some), found) == (columns * rows, columns)


def test_a_training_by_the_clock_is_told_of():
    checkpoint = {"step": 9000, "weights": "ema", "training_seconds": 601.2}
    assert page_module._drawn_from(checkpoint) == (
        " from the averaged weights at step 9,000 (trained by the clock, 10 min 1 s: not"
        " repeatable to the byte)"
    )


def test_dvc_has_the_samples_where_the_page_says():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert DVC_SAMPLES in stages["sample"]["outs"]


@pytest.mark.parametrize(
    ("folder", "command"),
    [("./outputs/samples", "make repro"), ("tried/outputs/samples", "snowmelt pipeline")],
)
def test_the_command_that_makes_it_again_writes_where_this_lies(folder: str, command: str):
    page = render(material(config={"paths": {"samples": folder}}))
    assert f"<pre>{command}\nsha256sum {PurePosixPath(folder)}/samples.npy</pre>" in page


def test_the_cost_that_follows_from_the_configuration_is_on_the_page():
    config = {**material().config, "training": {"batch_size": 64}}
    page = render(material(config=config, weights=26_417))
    text = " ".join(Reader(page).text.split())
    assert (
        "Trained: 26,417 weights, 6,000 steps of 64 examples, 384,000 examples seen. The"
        " examples seen are 12,800 passes through the data."
    ) in text
    assert "Nothing is noted here of machine and time" in text
    assert "<h2>Compute</h2>" not in usual_page()


def test_the_whole_cost_is_on_the_page_where_it_was_noted():
    text = " ".join(Reader(render(material(cost=WHOLE))).text.split())
    assert f"{WHOLE.line} The examples seen are 5,120 passes through the data." in text
    assert "Nothing is noted here" not in text


@pytest.mark.parametrize(("other", "are_two"), [("ode", True), ("denoising", False)])
def test_two_models_are_told_apart_where_both_were_measured(other: str, are_two: bool):
    measured = {
        "bound_bits_per_dim": 2.3,
        "ode_bits_per_dim": 2.2,
        "denoising_error": 0.2,
        "likelihood": {"bound": {"steps": 1000, "steps_computed": 32}, other: {}},
    }
    page = render(material(metrics=measured))
    assert ("Bound and equation belong to two different models" in page) is are_two
