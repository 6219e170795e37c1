"""Whether there are as many starts as samples; apart from what needs a trained model."""

from __future__ import annotations

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.start_points import Part


def starts_suffice(num_samples: int, count: int, part: Part) -> None:
    """Refuse more samples than there are starts of a flow without noise.

    Args:
        count: of the starts.
        part: of the prepared starts, which they are.

    Raises:
        UserError: there are fewer.
    """
    if num_samples <= count:
        return
    is_held_out = part == "held_out"
    raise UserError(
        f"sample.num_samples={num_samples} is more than the {count}"
        f" {'held-out' if is_held_out else 'training'} starts, and a flow carries each to"
        f" one end: {'hold out' if is_held_out else 'prepare'} more starts, or draw fewer"
        " samples"
    )
