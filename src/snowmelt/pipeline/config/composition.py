"""Configuration: finding conf/, and composing it once.

`params.yaml` holds the usual choices, `conf/` the rest, on top of the defaults that the
sections declare. `compose` puts all and the command line together; what comes out has no
interpolation left and is what every stage reads.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import (
    chosen_anew,
    conf_files,
    environment_values,
    known_keys,
    references,
    settings,
    training_length,
)
from snowmelt.pipeline.config.named_parts import opened, with_named_parts
from snowmelt.pipeline.config.overrides import (
    COMMAND_LINE,
    OPTIONAL,
    SourcedOverride,
    cure,
    groups,
    key_of,
    merged_overrides,
    written_in,
)
from snowmelt.pipeline.config.read_places import check_data_apart
from snowmelt.pipeline.config.references import resolved_values


def project_root() -> Path:
    """The folder that holds conf/config.yaml.

    PROJECT_ROOT if it is set, else the nearest folder upwards from the working directory,
    else the folder of the sources.

    Raises:
        UserError: there is none, or DVC runs a stage of another project.
    """
    named = os.environ.get("PROJECT_ROOT")
    here = Path.cwd()
    places = [Path(named)] if named else [here, *here.parents, Path(__file__).parents[4]]
    for place in places:
        if (place / "conf" / "config.yaml").is_file():
            if named and "DVC_STAGE" in os.environ and not place.samefile(here):
                raise UserError(
                    f"PROJECT_ROOT={named}, but DVC runs the project in {here}: unset it"
                )
            return place.resolve()
    where = f"PROJECT_ROOT={named}" if named else f"{here} or above"
    raise UserError(f"no conf/config.yaml in {where}: run snowmelt inside its project")


def compose(
    root: Path, overrides: Sequence[str] = (), *, is_checked: bool = True
) -> DictConfig:
    """The fully resolved configuration.

    Args:
        root: the project's root, with conf/ and perhaps params.yaml.
        overrides: `key=value` in Hydra's grammar; they beat params.yaml.
        is_checked: whether parts that do not go together are refused.

    Raises:
        UserError: an unknown key or choice, a value of the wrong type, a file of conf/
            that does not compose, or a refused combination.
    """
    conf_files.check(root)
    choices = merged_overrides(root, overrides)
    known = groups(root)
    for choice in choices:
        if choice.parse().is_sweep_override():
            raise UserError(
                f"{choice.origin}: '{choice.text}' gives several values, which is a sweep:"
                " `snowmelt pipeline --multirun ...`; quote a text with a comma:"
                f" {cure(choice.text)}"
            )
    environment_values.refuse_overrides(choices)
    chosen = [c for c in choices if key_of(c) in known]
    written, lost = _check_files(root, chosen, known)
    undone = list(dict.fromkeys(lost.values()))
    others = [c for c in choices if c not in chosen]
    base = [*(c.text for c in chosen), *undone]
    parts = _opened(root, base, others)
    others = [c for c in others if c not in parts]
    _check_keys(root, [*base, *(c.text for c in parts)], others, known)
    choices = [*chosen, *parts, *others]
    choices = training_length.settled(choices, written)
    settled = frozen(_checked(root, choices, written, undone))
    check_data_apart(settled, root)
    if is_checked:
        from snowmelt.pipeline.compatibility import (
            configuration_rules,
            issues,
            shape_rules,
            start_rules,
        )

        shape = shape_rules.shape_of(settled.data, root)
        chosen_anew.check_side(lost, str(settled.data.name), shape)
        configuration_rules.check(settled, shape)
        shape_rules.check(settled, shape)
        issues.settle(start_rules.issues(settled, shape, root))
    return settled


def chosen_parts(root: Path, overrides: Sequence[str]) -> Any:
    """The configuration with the files that are chosen, before any key is set.

    Raises:
        UserError: an override does not parse, or chooses a file that is not there.
    """
    known = groups(root)
    choices = merged_overrides(root, overrides)
    base = [c.text for c in choices if key_of(c) in known]
    parts = _opened(root, base, [c for c in choices if key_of(c) not in known])
    return resolved_values(_hydra(root, [*base, *(c.text for c in parts)]))


def _opened(
    root: Path, base: Sequence[str], choices: Sequence[SourcedOverride]
) -> list[SourcedOverride]:
    """The parts that are given by a name, and of which a key is set; see `named_parts`."""
    return opened(choices, lambda: OmegaConf.to_container(_hydra(root, base)), root)


def _checked(
    root: Path,
    choices: Sequence[SourcedOverride],
    written: Sequence[SourcedOverride],
    undone: Sequence[str],
) -> Any:
    """The resolved values, each of which the schema allows.

    A value that Hydra reads as a number or as true is a text all the same where a text is
    wanted: the class `true`, the name `007`. It is composed once more so.

    Args:
        written: what the chosen files set, to name the file of a wrong value.
        undone: overrides for keys of those files that do not count; see `chosen_anew`.

    Raises:
        UserError: with the first value that is refused, and where it was given.
    """
    # It knows the parts, for which torch is needed; `--help` is not.
    from snowmelt.pipeline.config import schema

    given = [*written, *choices]
    plain, texts = _composed(root, choices, given, undone)
    typed = {key_of(c) for c in choices if c.origin == COMMAND_LINE and _is_scalar(c)}
    if meant := typed & schema.misread_texts(plain):
        choices = [c.as_text() if key_of(c) in meant else c for c in choices]
        plain, texts = _composed(root, choices, given, undone)
    try:
        schema.check(plain)
    except schema.Refusal as refusal:
        origin = _origin(refusal.key, given)
        raise UserError(f"{origin}: {refusal}") from refusal
    return environment_values.withheld(plain, texts)


def _is_scalar(choice: SourcedOverride) -> bool:
    return isinstance(choice.parse().value(), bool | int | float)


def _origin(key: str, choices: Sequence[SourcedOverride]) -> str:
    """Where a key got its value: the last choice of it, else of what it is a part of."""

    def about(choice: SourcedOverride) -> int:
        own = key_of(choice)
        is_about = f"{key}.".startswith(f"{own}.") or own.startswith(f"{key}.")
        return len(own) if is_about else -1

    nearest = max(reversed(choices), key=about, default=None)
    return nearest.origin if nearest is not None and about(nearest) >= 0 else "conf/"


def _composed(
    root: Path,
    choices: Sequence[SourcedOverride],
    given: Sequence[SourcedOverride],
    undone: Sequence[str],
) -> tuple[Any, Any]:
    """What the choices compose to: without a reference left, and with all of them.

    Args:
        given: the choices, and what the chosen files set, to name the place of a reference.

    Raises:
        UserError: a reference leads nowhere, or asks for more than a value.
    """
    composed = _hydra(root, [*undone, *(c.text for c in choices)])
    texts: Any = OmegaConf.to_container(composed)
    environment_values.refuse("conf/", texts)
    references.check_computed(texts)
    try:
        resolved = resolved_values(composed)
    except references.Unresolved as error:
        raise UserError(f"{_origin(error.key, given)}: {error}") from error
    plain = with_named_parts(resolved, root)
    environment_values.refuse("conf/", plain)
    if isinstance(plain["paths"], dict):
        plain["paths"] = {
            key: os.path.expanduser(place) if isinstance(place, str) else place
            for key, place in plain["paths"].items()
        }
    return plain, texts


def frozen(plain: Any) -> DictConfig:
    """A read-only configuration in which a misspelt key raises; texts are left as is."""
    config = OmegaConf.create(environment_values.literal(plain))
    OmegaConf.set_struct(config, True)
    OmegaConf.set_readonly(config, True)
    return config


def _hydra(root: Path, overrides: Iterable[str]) -> DictConfig:
    """What Hydra composes; read-only, since the same question is asked again."""
    return _answered(root, tuple(overrides), conf_files.check(root))


@functools.lru_cache(maxsize=128)
def _answered(root: Path, overrides: tuple[str, ...], files: object) -> DictConfig:
    settings.register()
    try:
        with initialize_config_dir(str(root / "conf"), version_base="1.3"):
            composed = hydra_compose("config", overrides=list(overrides))
        OmegaConf.set_readonly(composed, True)
        return composed
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split("\nSee ")[0].split())
        raise UserError(f"conf/ does not compose: {reason}") from error


def _check_files(
    root: Path, chosen: Sequence[SourcedOverride], known: Mapping[str, list[str]]
) -> tuple[list[SourcedOverride], dict[SourcedOverride, str]]:
    """Refuse a key in an experiment or a sweep that conf/ without it does not have.

    Returns:
        What those files set, and what they say about a part in whose place another is
        chosen, each with what undoes it.
    """
    plain = [c.text for c in chosen if key_of(c) not in OPTIONAL]
    written: list[SourcedOverride] = []
    lost: dict[SourcedOverride, str] = {}
    for choice in chosen:
        group = key_of(choice)
        if group in OPTIONAL:
            file = root / "conf" / group / f"{choice.parse().value()}.yaml"
            extra, keys = written_in(file)
            _check_written(root, extra, plain, keys, known)
            anew: Any = OmegaConf.to_container(_hydra(root, _later_last(extra, plain)))
            of_parts = [key for key in keys if key_of(key).partition(".")[0] in known]
            own = OmegaConf.to_container(_hydra(root, _later_last(plain, extra)))
            undone = chosen_anew.amendments(of_parts, own, anew)
            lost |= {key: undone[key_of(key)] for key in keys if key_of(key) in undone}
            written += [key for key in keys if key_of(key) not in undone]
    return written, lost


def _check_written(
    root: Path,
    extra: Sequence[str],
    plain: Sequence[str],
    keys: Sequence[SourcedOverride],
    known: Mapping[str, list[str]],
) -> None:
    """Refuse a key of a file that neither its own choices nor those beside it have.

    Args:
        extra: the groups that the file chooses.
        plain: those that are chosen beside it.
        keys: what it sets.
    """
    base = resolved_values(_hydra(root, _later_last(plain, extra)))
    for key in keys:
        tree = base
        if not known_keys.is_plain(base, key_of(key)):
            alone = resolved_values(_hydra(root, extra))
            tree = alone if known_keys.is_plain(alone, key_of(key)) else base
        known_keys.check(key, tree, known, root)


def _later_last(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Choices of groups, of which the second beat the first; in one order, whatever it was.

    Where both choose different groups they compose to the same either way, and once.
    """
    chosen = dict(text.split("=", 1) for text in (*first, *second))
    return [f"{group}={name}" for group, name in sorted(chosen.items())]


def _check_keys(
    root: Path,
    chosen: Sequence[str],
    given: Sequence[SourcedOverride],
    known: Mapping[str, list[str]],
) -> None:
    """Refuse keys that are not there, against conf/ with the chosen files.

    What stands in conf/config.yaml itself is compared with that: composing takes a fifth of
    a second.
    """
    own = written(root)
    inside = [choice for choice in given if known_keys.is_plain(own, key_of(choice))]
    for choice in inside:
        known_keys.check_kind(choice, own)
    outside = [choice for choice in given if choice not in inside]
    if outside:
        composed = _hydra(root, chosen)
        unresolved, base = OmegaConf.to_container(composed), resolved_values(composed)
        for choice in outside:
            known_keys.check(choice, base, known, root)
            known_keys.check_own(choice, unresolved)


def written(root: Path) -> Any:
    """The declared defaults with conf/config.yaml on top, references as they stand.

    Raises:
        UserError: a file of conf/ is no configuration, or has a list for a section.
    """
    conf_files.check(root)
    file = conf_files.body_of(root / "conf" / "config.yaml", "conf/config.yaml")
    for key, value in file.items():
        known_keys.check_kinds(key, value, settings.defaults().get(key), "conf/config.yaml")
    return OmegaConf.to_container(OmegaConf.merge(settings.defaults(), file))
