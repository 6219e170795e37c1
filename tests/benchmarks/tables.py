"""What was measured, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks import machine
from tests.benchmarks.operators import GROUPS

MATCHED = 0.05  # of the parameters
NAMES = {
    "fp32": "fp32, as shipped",
    "bf16": "bf16 autocast",
    "bf16_nhwc": "bf16, channels last",
    "conv_bf16": "bf16 in convolutions",
    "compiled": "bf16, compiled",
}


def page(content: dict[str, Any]) -> str:
    """The tables of what was measured so far."""
    told = {
        "peak": (_machine,),
        "training": (_training, _profile),
        "sampling": (_sampling,),
        "command": (_command,),
        "busy": (_busy,),
    }
    parts = [part(content) for name in told if name in content for part in told[name]]
    return "\n\n".join(parts) + "\n"


def _machine(content: dict[str, Any]) -> str:
    told, peak = content["machine"], content["peak"]
    return (
        f"{machine.told(told)};"
        f" load average {told['load'][0]:.1f} before and {told['load_after'][0]:.1f} after."
        f" Product of matrices: {peak['fp32']:.0f} GFLOP/s in fp32,"
        f" {peak['bf16']:.0f} in bf16."
    )


def _training(content: dict[str, Any]) -> str:
    peak = content.get("peak")
    lines = [
        "Images a second of full training steps, 32x32x1, batch"
        f" {content['plan']['batch']}: medians (quartiles), and how many times as fast ours"
        " is as the others are as shipped.",
        "",
        "| network | parameters | GFLOP an image | numbers | images/s | of peak | times |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in content["training"]:
        images, kind = row["images"], "fp32" if row["how"] == "fp32" else "bf16"
        share = "?"
        if peak is not None:
            share = f"{images['median'] * row['flops'] / 1e9 / peak[kind]:.0%}"
        told = row["times_shipped"] if row["name"] == "snowmelt" else {}
        times = ", ".join(f"{name} {_spread(found)}" for name, found in told.items())
        lines.append(
            f"| {row['name']}: {row['described']} | {row['parameters'] / 1e6:.3f} M"
            f" | {row['flops'] / 1e9:.2f} | {NAMES[row['how']]} | {_spread(images)}"
            f" | {share} | {times} |"
        )
    return "\n".join([*lines, "", _sizes(content["training"])])


def _sizes(rows: Sequence[Mapping[str, Any]]) -> str:
    """Whether the networks are of one size."""
    ours = next(row["parameters"] for row in rows if row["name"] == "snowmelt")
    off = max(abs(row["parameters"] / ours - 1) for row in rows)
    said = "a comparison of one size" if off <= MATCHED else "NOT a comparison of one size"
    return f"The numbers of parameters differ by {off:.1%} at most: {said}."


def _profile(content: dict[str, Any]) -> str:
    rows = [row for row in content["training"] if "profile" in row]
    lines = [
        "Where the processor time of a step goes:",
        "",
        f"| network | {' | '.join(GROUPS)} |",
        f"|---|{'---|' * len(GROUPS)}",
    ]
    for row in rows:
        shares = " | ".join(f"{row['profile'].get(name, 0.0):.0%}" for name in GROUPS)
        lines.append(f"| {row['name']}, {NAMES[row['how']]} | {shares} |")
    return "\n".join(lines)


def _sampling(content: dict[str, Any]) -> str:
    lines = [
        f"Evaluations of the network a second, batch {content['plan']['sampling_batch']}:",
        "",
        "| network | numbers | evaluations/s |",
        "|---|---|---|",
    ]
    for row in content["sampling"]:
        lines.append(
            f"| {row['name']} | {NAMES[row['how']]} | {_spread(row['evaluations'])} |"
        )
    return "\n".join(lines)


def _command(content: dict[str, Any]) -> str:
    told = content["command"]
    return (
        f"`snowmelt train` over {told['steps']} steps, with tracking, pictures and saved"
        f" states, reaches {_spread(told['share_of_bare'])} of the rate of the bare step."
    )


def _busy(content: dict[str, Any]) -> str:
    counts = content["plan"]["neighbours"]
    heads = " | ".join(f"{n} busy" for n in counts[1:])
    lines = [
        "Beside busy processes, as a share of the same alone:",
        "",
        f"| fp32 | threads that wait | alone, images/s | {heads} |",
        f"|---|---|---|{'---|' * (len(counts) - 1)}",
    ]
    for row in content["busy"]:
        images = {int(n): found for n, found in row["images"].items()}  # of a file: texts
        alone = images[counts[0]]
        shares = " | ".join(f"{images[n] / alone:.0%}" for n in counts[1:])
        lines.append(f"| {row['kind']} | {row['waiting']} | {alone:.1f} | {shares} |")
    return "\n".join(lines)


def _spread(found: dict[str, float]) -> str:
    return f"{found['median']:.3g} ({found['low']:.3g} to {found['high']:.3g})"
