"""Nonsense from everywhere: a line that says what is wrong, never a traceback, never a run.

Values are made for every key that the schema declares, so a new key or class is covered by
itself; what cannot be made from declarations (grammar, YAML, Hydra's own keys) is listed.
"""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from snowmelt.common.errors import UserError
from snowmelt.common.yaml_files import dump_yaml
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.config import composed_file, composition, schema, sweep_jobs
from tests.pipeline import nonsense
from tests.pipeline.nonsense import Nonsense
from tests.project import ROOT, make_workspace

SEED = 20_260
PATIENCE = 60  # seconds for one variant: a hang, on any machine
Said = Callable[..., str]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("nonsense") / "project")


@pytest.fixture
def said(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """Runs a command in this process; what it refused, in a line, or "" if nothing."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)

    def run(*arguments: str) -> str:
        with in_time(arguments):
            status = main(arguments)
        errors = capsys.readouterr().err
        lines = [line for line in errors.splitlines() if ": error: " in line]
        assert status in (0, 2), arguments
        assert len(lines) == (status == 2), (arguments, errors)
        return lines[0] if lines else ""

    return run


@contextmanager
def in_time(what: Any) -> Iterator[None]:
    """Fail where a variant hangs."""

    def stop(*_: Any) -> None:
        raise AssertionError(f"hangs: {what}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def everything() -> list[Nonsense]:
    return nonsense.everything()


def test_nonsense_is_made_for_every_key_and_class(everything: list[Nonsense]) -> None:
    assert len(everything) > 3000
    keys = {one.key for one in everything}
    declared = {key for base in nonsense.composed() for key, _ in schema.declared(base)}
    assert declared <= keys


def refused(variants: list[Nonsense]) -> None:
    for one in variants:
        whole, text = one.whole(), ""
        with in_time(one):
            try:
                schema.check(whole)
            except schema.Refusal as refusal:
                text = str(refusal)
        assert text, f"accepted: {one}"
        assert "\n" not in text, text
        assert one.key.rpartition(".")[2].strip("_") in text, (one, text)


def test_a_wrong_value_anywhere_is_refused(everything: list[Nonsense]) -> None:
    refused(random.Random(SEED).sample(everything, 800))


@pytest.mark.slow
def test_every_wrong_value_everywhere_is_refused(everything: list[Nonsense]) -> None:
    refused(everything)


def test_a_composed_file_with_a_wrong_value_is_refused(
    everything: list[Nonsense], project: Path, said: Said
) -> None:
    file = project / "composed.yaml"
    for one in random.Random(SEED + 1).sample(everything, 60):
        file.write_text(dump_yaml(one.whole()), encoding="utf-8")
        assert said("compose", "--cfg", "--config", str(file)), one


# Values of the command line, and a part of what is said. Where it is "", they are taken.
TYPED = [
    ("training.ema.decay=1.5", "must be a number in [0, 1), got 1.5"),
    ("training.ema.warmup_power=-1", "got -1"),
    ("training.weight_decay=nan", "got nan"),
    ("training=null", "training must be a mapping, got None"),
    ("training=[]", "command line: training must be a mapping, got []"),
    ("training={ema:[1]}", "training.ema must be a mapping, got [1]"),
    ("net.widths={a:1}", "command line: net.widths must be a list, got {'a': 1}"),
    ("data.flip=true", "unknown key 'data.flip' (did you mean 'training.flip'?)"),
    ("net.widths.0=8", "unknown key 'net.widths.0': net.widths is a list and has no keys"),
    ("seed.x=1", "unknown key 'seed.x': seed is a single value and has no keys"),
    ("data.path=x", "data=array or data=folder has it: choose that, and set data_path"),
    ("guidance.scale=3", "guidance=classifier_free has it: choose that"),
    ("denoiser=null", "denoiser must be a mapping, got None"),
    ("trainer.precision=fp8", "trainer.precision must be 32-true"),
    ("trainer.precision=bf16-true", "float32: use bf16-mixed, 16-mixed or 32-true, got"),
    ("trainer.precision=null", "got None"),
    ("trainer.accelerator=foo", "trainer.accelerator must be auto"),
    ("sample.device=", "sample.device must be auto, cpu"),
    ("sample.device=meta", "sample.device must be auto, cpu"),
    ("sample.device=cuda:x", "sample.device must be auto, cpu"),
    ("sample.num_samples=1000000000000000", "at most 100,000,000"),
    ("sample.weights=emaa", "got 'emaa' (did you mean 'ema'?)"),
    ("sampler.eta=1e300", "sampler.eta must be a number in [0, 1]"),
    ("sampler.steps=0", "sampler.steps must be a positive integer"),
    ("net.dropout=1", "net.dropout must be a number in [0, 1), got 1"),
    ("net.dropout=nan", "got nan"),
    ("net.attention=[maybe,true]", "net.attention must be a list, each true or false"),
    ("net.blocks=10000000", "net.blocks must be a positive integer, at most 100"),
    ("net.widths=[0,8]", "net.widths must be a list"),
    ("net.widths=[60000,60000]", "parameters"),
    ("schedule.log_snr_max=high", "schedule.log_snr_max must be a number"),
    ("schedule._target_=os.system", "not a class of snowmelt"),
    ("schedule._target_=snowmelt.nets.MLP", "is not a NoiseSchedule"),
    ("paths.root=null", "paths.root must be a text, got None"),
    ("paths=null", "paths names a file of conf/paths/, got None"),
    ("data.held_out_fraction=2", "data.held_out_fraction must be a number in (0, 1)"),
    ("data._convert_=all", "unknown key 'data._convert_'"),
    ("evaluation.subsets=0", "evaluation.subsets must be a positive integer"),
    ("features.steps=-5", "features.steps must be a positive integer"),
    ("likelihood.bound.steps=1e9", "likelihood.bound.steps must be a positive integer"),
    ("hydra.callbacks.x._target_=os.system", "unknown key 'hydra"),
    ("hydra/launcher=joblib", "unknown key 'hydra/launcher'"),
    ("hydra.searchpath=[/tmp]", "unknown key 'hydra"),
    ("+hydra.mode=RUN", "not added"),
    ("++seed=1", "not added"),
    ("~seed", "not added"),
    ("data@other=digits", "without @"),
    ("name=${now:%Y}", "only ${oc.env:NAME}"),
    ("name=${hydra:runtime.cwd}", "only ${oc.env:NAME}"),
    ("name=${oc.create:{a:1}}", "only ${oc.env:NAME}"),
    ("name=${${seed}:x}", "only ${oc.env:NAME}"),
    ("name=${name}", "command line: name does not resolve: '${name}' refers to itself"),
    ("seed=${seed}", "command line: seed does not resolve: '${seed}' refers to itself"),
    ("net.widths=[${net.widths}]", "net.widths[0] does not resolve"),
    ("name=${nothing}", "name does not resolve: '${nothing}' refers to a key that is not"),
    ("name=${seed.x}", "name does not resolve: '${seed.x}' refers to a part of a single"),
    ("tracking.uri=${oc.env:NO_SUCH}", "asks for a variable that the environment lacks"),
    ("name='${'", "command line: name: '${' begins a reference"),
    ("name='${a b}'", "complete it, or write \\${ for these characters themselves"),
    ("name='\\${'", ""),
    ("name=a,b", "quote a text with a comma"),
    ("name=[a]", "name must be a text or null, got ['a']"),
    ("seed", "'seed' is not of the form key=value: write the key too"),
    ("photos32", "(did you mean experiment=photos32?)"),
    ("=5", "unknown key ''"),
    ("seed=9223372036854775808", "seed must be an integer from 0 to 2^63 - 1"),
    ("seed=1_000", ""),
    ("name=007", ""),
    ("name=true", ""),
    ("name=p(1)", ""),
    ("name=a=b", ""),
    ("name=it's", ""),
    ("name=#1 [draft]", ""),
    ("name=50% of $5", ""),
    ("name=a b", ""),
]


@pytest.mark.parametrize(("text", "named"), TYPED, ids=[text for text, _ in TYPED])
def test_what_is_typed(text: str, named: str, said: Said) -> None:
    found = said("compose", "--cfg", text)
    assert (named in found) if named else (found == ""), found


@pytest.mark.parametrize(
    "value", ["p(1)", "a=b", "it's", "true", "007", "1e5", "#x", "a [b] {c}", "x:y", "$5"]
)
def test_a_text_that_is_no_grammar_is_taken_as_it_stands(project: Path, value: str) -> None:
    settled = composition.compose(project, [f"name={value}"], is_checked=False)
    assert settled.name == value
    assert str(settled.name) == value


def test_a_class_may_be_called_true(project: Path) -> None:
    given = ["guidance=classifier_free", "guidance.labels=true"]
    assert composition.compose(project, given, is_checked=False).guidance.labels == "true"


@pytest.mark.parametrize("count", [20, pytest.param(1500, marks=pytest.mark.slow)])
def test_random_texts_are_taken_or_refused_in_a_line(
    count: int, project: Path, said: Said
) -> None:
    chance = random.Random(SEED + count)
    base = composition.compose(project, is_checked=False)
    keys = [key for key, _ in schema.declared(json.loads(json.dumps(_plain(base))))]
    keys += [*nonsense.GROUPS, "out", "hydra.mode", "no.such.key", ""]
    pieces = [*"()[]{}'\"\\,:=$#~+@%&;*?! \t.-/", "null", "true", "nan", "1e999", "é",
              "{a:", "${", "}", "choice(", "range(", "glob(*)", "a", "0", "-1", "\x00",
              "\udcff", "sort(1,2)", "int(3)", "..", "_target_"]  # fmt: skip
    for _ in range(count):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 6)))
        said(
            "settings",
            f"{chance.choice(['', '', '', '+', '~'])}{chance.choice(keys)}={text}",
        )


def _plain(config: Any) -> Any:
    return composition.resolved_values(config)


# A file of the project, what stands in it, and a part of what is said.
FILES = [
    ("params.yaml", "training: null", "training must be a mapping, got None"),
    ("params.yaml", "- a\n- b", "must map keys to values, got list"),
    ("params.yaml", "just a text", "must map keys to values, got str"),
    ("params.yaml", "5", "must map keys to values, got int"),
    ("params.yaml", "seed: 1\nseed: 2", "the key 'seed' is given twice"),
    ("params.yaml", "training: {steps: 5, steps: 6}", "the key 'steps' is given twice"),
    ("params.yaml", "training: {steps: 5}\noverrides: [training.steps=6]", "given twice"),
    ("params.yaml", "overrides: [seed=1, seed=2]", "seed is given twice"),
    ("params.yaml", "schedule: linear\noverrides: [schedule=cosine]", "given twice"),
    ("params.yaml", "seed:\t5\n\t- x", "is not valid YAML"),
    ("params.yaml", "a: &a [1]\nb: *a", "anchors"),
    ("params.yaml", "name: &n {x: *n}", "anchors"),
    ("params.yaml", "name: !!python/object/apply:os.getcwd []", "tags are not taken"),
    ("params.yaml", "[" * 5000, "levels deep"),
    ("params.yaml", "seed: \x00", "is not valid YAML"),
    ("params.yaml", b"name: \xff\xfe", "not a text in UTF-8"),
    ("params.yaml", "seed: 1".encode("utf-16"), "not a text in UTF-8"),
    ("params.yaml", "x" * (2**20 + 5), "larger than"),
    ("params.yaml", "seed: " + "9" * 5000, "params.yaml"),
    ("params.yaml", "seed: 1e400", "seed must be"),
    ("params.yaml", "training: {learning_rate: '1e-3'}", "got '1e-3'"),
    ("params.yaml", "? [a]\n: b", "a key must be a text"),
    ("params.yaml", "a=b: 5", "params.yaml"),
    ("params.yaml", "overrides: 5", "must be a list of key=value"),
    ("params.yaml", "overrides: [hydra.mode=RUN]", "unknown key 'hydra"),
    ("params.yaml", "hydra: {callbacks: {x: {_target_: os.system}}}", "unknown key 'hydra"),
    ("params.yaml", "experiment: 3", "experiment names a file"),
    ("params.yaml", "experiment: {a: 1}", "unknown key 'experiment.a'"),
    ("params.yaml", "", ""),
    ("params.yaml", "# nothing", ""),
    ("params.yaml", "\ufeffseed: 3", ""),
    ("params.yaml", "training: {learning_rate: 1e-3}", ""),
    ("params.yaml", "name: 2024-01-01", ""),
    ("conf/experiment/mine.yaml", "defaults: 3", "defaults must be a list"),
    ("conf/experiment/mine.yaml", "defaults: {data: digits}", "defaults must be a list"),
    ("conf/experiment/mine.yaml", "defaults: [[data]]", "defaults must be a list"),
    ("conf/experiment/mine.yaml", "defaults:\n  - override /data: nothing", "nothing"),
    (
        "conf/experiment/mine.yaml",
        "defaults:\n  - override /hydra/launcher: x",
        "Hydra's own",
    ),
    ("conf/experiment/mine.yaml", "defaults:\n  - /data@hydra.x: digits", "Hydra's own"),
    ("conf/experiment/mine.yaml", "hydra: {mode: MULTIRUN}", "Hydra's own"),
    ("conf/experiment/mine.yaml", "# @package hydra.callbacks\nx: 1", "Hydra's own"),
    (
        "conf/experiment/mine.yaml",
        "training: null",
        "mine.yaml: training must be a mapping",
    ),
    (
        "conf/experiment/mine.yaml",
        "training: {steps: many}",
        "mine.yaml: training.steps must",
    ),
    ("conf/experiment/mine.yaml", "net: {_target_: os.system}", "mine.yaml: net: _target_"),
    ("conf/experiment/mine.yaml", "net: {_partial_: true}", "unknown key 'net._partial_'"),
    ("conf/experiment/mine.yaml", "seed: ${seed}", "mine.yaml: seed does not resolve"),
    ("conf/experiment/mine.yaml", "name: '${'", "mine.yaml: name: '${' begins a refer"),
    ("conf/experiment/mine.yaml", "net: {widths: {a: 1}}", "net.widths is a list"),
    ("conf/experiment/mine.yaml", "training: [1]", "mine.yaml: training must be a mapping"),
    ("conf/config.yaml", "name: '${'", "conf/config.yaml: name: '${' begins a reference"),
    ("conf/config.yaml", "training: [1]", "conf/config.yaml: training must be a mapping"),
    ("params.yaml", "name: '${'", "params.yaml: name: '${' begins a reference"),
    ("params.yaml", "data: {path: /x}", "and set data_path"),
    (
        "conf/schedule/mine.yaml",
        "_target_: subprocess.run\nargs: [ls]",
        "not a class of snow",
    ),
    ("conf/schedule/mine.yaml", "- a", "must map keys to values"),
    ("conf/schedule/mine.yaml", "hydra: {}", "Hydra's own"),
    ("conf/hydra/launcher/mine.yaml", "_target_: os.system", "Hydra's own"),
    (
        "conf/sweep/mine.yaml",
        "hydra: {callbacks: {x: {_target_: os.system}}}",
        "Hydra's own",
    ),
    ("conf/sweep/mine.yaml", "hydra: {sweeper: {_target_: os.system}}", "Hydra's own"),
    ("conf/sweep/mine.yaml", "hydra: {sweeper: {params: [1]}}", "Hydra's own"),
    (
        "conf/sweep/mine.yaml",
        "hydra: {sweeper: {params: {hydra.mode: '1,2'}}}",
        "Hydra's own",
    ),
]


@pytest.mark.parametrize(("name", "text", "named"), FILES)
def test_what_stands_in_a_file(
    name: str, text: str | bytes, named: str, project: Path, said: Said
) -> None:
    body = text if isinstance(text, bytes) else text.encode()
    if name.startswith("conf/experiment") and b"@package" not in body:
        body = b"# @package _global_\n" + body
    group, _, _ = name.removeprefix("conf/").partition("/")
    chosen = [f"{group}=mine"] if group in nonsense.GROUPS else []
    path = project / name
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    try:
        found = said("card" if group == "sweep" else "compose", "--cfg", *chosen)
    finally:
        path.unlink()
        if before is not None:
            path.write_bytes(before)
        elif path.parent.parent.name == "hydra":
            path.parent.rmdir()
            path.parent.parent.rmdir()
    assert (named in found) if named else (found == ""), found


def test_a_key_typed_twice_is_refused(said: Said) -> None:
    for twice in (["seed=1", "seed=2"], ["net=mlp", "net=unet"],
                  ["training={steps:5}", "training.steps=6"]):  # fmt: skip
        found = said("compose", "--cfg", *twice)
        assert "is given twice" in found
        assert twice[1] in found
        assert "is given twice" in said("card", "--cfg", *twice)


@pytest.mark.parametrize(
    "text", ["sample.weights=ema,emaa", "sampler.eta=0,1e300", "net.blocks=1,10000000"]
)
def test_every_job_of_a_sweep_is_looked_at_first(project: Path, text: str) -> None:
    with pytest.raises(UserError, match="must be"):
        sweep_jobs.composed(project, sweep_jobs.jobs(project, [text]))


@pytest.mark.parametrize("command", ["card", "mcmc", "gallery", "settings", "sample"])
def test_every_command_checks_first(command: str, said: Said) -> None:
    assert "training.ema.decay must be" in said(command, "training.ema.decay=1.5")
    assert "sampler.steps must be" in said(command, "sampler.steps=0")


def test_a_composed_file_is_read_back_whole(project: Path) -> None:
    file = project / "back.yaml"
    for base in nonsense.composed():
        schema.check(base)
    base["name"] = "1e5"
    file.write_text(dump_yaml(base), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROJECT_ROOT", str(ROOT))
        assert composed_file.load(file).name == "1e5"
        file.write_text("a: &a {}\nb: *a\n", encoding="utf-8")
        with pytest.raises(UserError, match="anchors"):
            composed_file.load(file)
