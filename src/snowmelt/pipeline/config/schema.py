"""What a whole configuration may be: every key has a type, a range or a list of choices.

The sections are declared in the `settings` of their rooms. The parts, which name a class by
`_target_`, take what that class's constructor takes: `snowmelt.common.signatures`. Every
command checks its configuration here before it does anything else; nothing is built for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from snowmelt.common import instantiate
from snowmelt.common.errors import UserError
from snowmelt.common.section import Section, Text, fields_of, refusals
from snowmelt.common.signatures import options_of, signature_of
from snowmelt.data.sources.source import Source
from snowmelt.data.starts import Start
from snowmelt.densities import Perturbable
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.evaluation.features.extractor import Extractor
from snowmelt.evaluation.features.independent_classifier import IndependentClassifier
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.variational_bound import Bound
from snowmelt.nets.net import Net
from snowmelt.pipeline.config.settings import Settings
from snowmelt.sampling.guidance.guidance import Guidance
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.couplings import Coupling
from snowmelt.training.optimizers import Recipe


class Refusal(UserError):
    """A value that is not allowed.

    Attributes:
        key: where it stands.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        first, _, rest = text.removeprefix("unknown key '").partition(" ")
        key = first.rstrip("':")
        self.key = f"{key}._target_" if rest.startswith("_target_") else key


@dataclass(frozen=True)
class PartKind:
    """What stands at a key that names a class.

    Attributes:
        base: what the class must derive from.
        given: the arguments that the program adds, and a configuration must not name.
        is_optional: whether it may be left out, or null.
    """

    base: type
    given: tuple[str, ...] = ()
    is_optional: bool = False


PARTS = {
    "data": PartKind(Source, ("root", "scratch", "kept")),
    "density": PartKind(Perturbable, ("root",)),
    "schedule": PartKind(NoiseSchedule),
    "process": PartKind(Process, ("schedule",)),
    "prediction": PartKind(Prediction),
    "loss": PartKind(Loss, ("levels",)),
    "time_sampling": PartKind(TimeSampler),
    "net": PartKind(Net, ("shape", "inputs", "outputs", "classes")),
    "optimizer": PartKind(Recipe),
    "start": PartKind(Start, ("root", "scratch", "kept")),
    "coupling": PartKind(Coupling),
    "interpolant": PartKind(Interpolant),
    "sampler": PartKind(Sampler),
    "guidance": PartKind(Guidance),
    "features": PartKind(Extractor, ("manifest",)),
    "features.independent_classifier": PartKind(
        IndependentClassifier, ("manifest",), is_optional=True
    ),
    "likelihood.bound": PartKind(Bound, is_optional=True),
    "likelihood.ode": PartKind(ProbabilityFlow, is_optional=True),
}


def check(values: Mapping[str, Any]) -> None:
    """Refuse a configuration with a key or a value that is not allowed.

    Raises:
        Refusal: naming the first such key, its value and what is allowed.
    """
    _check_section(Settings, values)
    _check_section(_paths(values), {"paths": values.get("paths")})
    for key, part in PARTS.items():
        node = _own_arguments(key, values)
        if node is None and part.is_optional:
            continue
        try:
            instantiate.check(key, node, part.base, part.given)
        except UserError as error:
            raise Refusal(str(error)) from error


def declared(values: Mapping[str, Any]) -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a configuration that is allowed, in full, with its declaration."""
    yield from fields_of(Settings)
    yield from fields_of(_paths(values))
    for key, part in PARTS.items():
        node = _own_arguments(key, values)
        if node is not None:
            yield from _arguments(key, node, part.base, frozenset(part.given))


def misread_texts(values: Mapping[str, Any]) -> set[str]:
    """The keys of texts at which a number, or true or false, stands."""
    if not _is_known(values):
        return set()
    found = set()
    for key, field in declared(values):
        value = _at(values, key)
        kinds = {_base(option) for option in options_of(field.annotation)}
        wanted = bool | int | float if kinds <= {str, type(None)} else bool
        if str in kinds and bool not in kinds and isinstance(value, wanted):
            found.add(key)
    return found


def _is_known(values: Mapping[str, Any]) -> bool:
    """Whether every part names a class; what is refused has no declared keys."""
    try:
        for key, part in PARTS.items():
            node = _own_arguments(key, values)
            if node is not None:
                for _ in _arguments(key, node, part.base, frozenset(part.given)):
                    pass
    except UserError:
        return False
    return True


def _arguments(
    key: str, node: Any, base: type, given: frozenset[str]
) -> Iterator[tuple[str, FieldInfo]]:
    """The arguments of a part and of the parts inside it."""
    found: type = instantiate.class_of(node, base)
    signature = signature_of(found, given)
    for name, field in signature.section.model_fields.items():
        inner = node.get(name)
        if name in signature.parts and isinstance(inner, Mapping):
            yield from _arguments(f"{key}.{name}", inner, signature.parts[name], given)
        else:
            yield f"{key}.{name}", field


def _base(option: Any) -> Any:
    """The type itself, without what else is said of it."""
    return get_args(option)[0] if get_origin(option) is Annotated else option


def _check_section(section: type[Section], values: Mapping[str, Any]) -> None:
    try:
        section.model_validate(values)
    except ValidationError as error:
        raise Refusal(refusals(section, error)[0]) from error


def _paths(values: Mapping[str, Any]) -> type[Section]:
    """The section of paths; which there are is said by conf/paths/ alone."""
    paths = values.get("paths")
    names = paths if isinstance(paths, Mapping) else {}
    places: Any = {str(name): (Text, ...) for name in names}
    inner = create_model("Paths", __base__=Section, **places)
    top: Any = {"paths": (inner, ...)}
    return create_model("Top", __base__=Section, **top)


def _at(values: Any, key: str) -> Any:
    for name in key.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def _own_arguments(key: str, values: Mapping[str, Any]) -> Any:
    """What stands at the key of a part, without parts that are none of its arguments."""
    node = _at(values, key)
    if not isinstance(node, Mapping):
        return node
    inside = {other.rpartition(".")[2] for other in PARTS if other.startswith(f"{key}.")}
    return {name: value for name, value in node.items() if name not in inside}
