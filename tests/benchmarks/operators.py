"""Where the time of a step goes, by groups of operators."""

from __future__ import annotations

from torch.profiler import ProfilerActivity, profile

from tests.benchmarks.steps import Step

# The first group with a part of the operator's name takes it.
GROUPS = {
    "attention": ("attention", "softmax", "bmm", "baddbmm"),
    "normalisation": ("norm",),
    "convolution": ("conv", "mkldnn_convolution"),
    "linear": ("addmm", "aten::mm", "linear"),
    "optimiser": ("adam", "optimizer"),
    "average": ("lerp",),
    "compiled": ("graph_", "cpp_fused", "compiledfunction"),
    "elementwise": ("",),
}
STEPS = 3


def profiled(step: Step) -> dict[str, float]:
    """The share of each group in the processor time of a step."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(STEPS):
            step()
    times = dict.fromkeys(GROUPS, 0.0)
    for event in seen.key_averages():
        times[group(event.key)] += event.self_cpu_time_total
    whole = sum(times.values())
    return {name: time / whole for name, time in times.items() if time}


def group(operator: str) -> str:
    """The group of an operator such as `aten::native_group_norm`."""
    name = operator.lower()
    return next(g for g, parts in GROUPS.items() if any(part in name for part in parts))
