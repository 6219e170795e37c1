"""Whether measures agree on which of two is better, and a sentence where they do not.

A distance asks what samples look like; bits per dimension and the denoising error ask what
the network knows of held-out examples. One model may be ahead in the first and behind in
the second, so a verdict by one measure alone says less than it seems to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

Pair = tuple[str, str]  # the better one, and the worse
WHY = (
    "A distance is about the samples; bits/dim and the denoising error are about the"
    " network on held-out examples."
)
# What a measure that only some comparisons have is about.
ABOUT = {
    "path energy": "Path energy is about the way of the samples, not about where they end."
}


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def disagreement(better: Mapping[str, Collection[Pair]]) -> str:
    """What the measures say differently, in words; empty where they say the same.

    Args:
        better: of each measure, the pairs of which it says that one is better; of all
            others it says nothing. The first measure is the one that ranks.
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for winner, loser in dict.fromkeys(pair for one in better.values() for pair in one):
        by = [name for name, pairs in better.items() if (winner, loser) in pairs]
        against = [name for name, pairs in better.items() if (loser, winner) in pairs]
        open_ones = [name for name in better if name not in (*by, *against)]
        # A contradiction is told once, from the side of the measure that ranks.
        if against and list(better).index(against[0]) < list(better).index(by[0]):
            continue
        if against or open_ones:
            key = winner, listed(by), _otherwise(against, open_ones)
            found.setdefault(key, []).append(loser)
    if not found:
        return ""
    parts = [
        f"{winner} is better than {listed(losers)} by {by}, {rest}"
        for (winner, by, rest), losers in found.items()
    ]
    about = [WHY, *(said for name, said in ABOUT.items() if name in better)]
    return f"The measures differ: {'; '.join(parts)}. {' '.join(about)}"


def _otherwise(against: Sequence[str], open_ones: Sequence[str]) -> str:
    """What the other measures say of the same pair."""
    said = [f"worse by {listed(against)}"] if against else []
    said += [f"not told apart by {listed(open_ones)}"] if open_ones else []
    return ", ".join(said)
