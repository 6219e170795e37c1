"""Errors of a source that stands elsewhere in a configuration than at `data`.

A source names its keys as those of `data`, where nearly all of them stand. That of the
starts stands at `start.of`, and whoever reads it has its errors name that.
"""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator

from snowmelt.common.errors import StorageError, UserError
from snowmelt.data.sources.source import Source


@contextlib.contextmanager
def told_at(key: str, kind: type[Source]) -> Iterator[None]:
    """Let the errors of a source name the place where it stands.

    Args:
        key: that place.
        kind: of the source; only its arguments are keys, `data.npz` may be a file.

    Raises:
        UserError: what the block raised, about `key` in the place of `data`.
    """
    try:
        yield
    except StorageError:
        raise  # it is about the place that is written to
    except UserError as error:
        names = "|".join(inspect.signature(kind).parameters)
        # A name that stands alone: neither a part of a path nor of a longer name.
        of_data = rf"(?<![\w./~-])data(?=\.(?:{names})\b(?![/]))|^data(?=: )"
        said = re.sub(of_data, key, str(error))
        # Its density is a part of its own, beside `density` of the data.
        raise UserError(re.sub(r"^(?=density\.\w)", f"{key}.", said)) from error
