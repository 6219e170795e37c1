"""Which addresses can be a tracking store; one that cannot is refused before any work."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from snowmelt.common.errors import UserError
from snowmelt.common.places import in_address

SERVERS = {"http", "https", "databricks"}
# Each with the package of its default driver, and how to get it.
DATABASES = {
    "sqlite": None,
    "postgresql": ("psycopg2", "psycopg2-binary"),
    "mysql": ("MySQLdb", "mysqlclient"),
    "mssql": ("pyodbc", "pyodbc"),
}
_SQLITE_HEADER = b"SQLite format 3\0"
_EXAMPLE = "give sqlite:///mlflow.db or http://host:port"


def redacted(text: str) -> str:
    """`text` without the user and password of any address in it."""
    return re.sub(r"://[^@/\s]*@", "://***@", text)


def is_server(uri: str) -> bool:
    return uri == "databricks" or _split(uri).scheme in SERVERS


def database_file(uri: str) -> Path | None:
    """The file of an sqlite address, relative as it stands there; None for others."""
    if _split(uri).scheme.split("+")[0] != "sqlite":
        return None
    path = unquote(uri.partition(":///")[2].partition("?")[0])
    return Path(path) if path else None


def database_address(file: Path, options: str = "") -> str:
    """The sqlite address of an absolute path; the inverse of `database_file`."""
    path = in_address(file)
    # To the plain scheme MLflow makes the folder of the path as it stands there, quoted.
    scheme = "sqlite" if path == str(file) else "sqlite+pysqlite"
    return f"{scheme}:///{path}" + (f"?{options}" if options else "")


def settled(uri: str, home: Path, setting: str) -> str:
    """`uri`, with a relative sqlite file placed under `home`.

    Args:
        setting: what gave the address, for messages.

    Raises:
        UserError: no store can be there.
    """
    try:
        kind = _split(uri).scheme.split("+")[0]
        if kind == "sqlite":
            return _settled_sqlite(uri, home)
        if uri != "databricks" and kind not in SERVERS | DATABASES.keys():
            raise UserError(
                "is no tracking store (MLflow keeps runs in a database or on a server):"
                f" {_EXAMPLE}"
            )
        if kind in ("http", "https"):
            _check_server(_split(uri))
        if kind in DATABASES:
            _check_driver(_split(uri).scheme)
    except UserError as error:
        raise UserError(f"{setting}: {redacted(uri)} {error}") from None
    return uri


def _split(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError:
        return SplitResult("", "", uri, "", "")


def _check_server(parts: SplitResult) -> None:
    try:
        has_host = bool(parts.hostname) and not re.search(r"\s", parts.netloc)
        port = parts.port
    except ValueError:
        raise UserError("has a port that is no number: give http://host:port") from None
    if not has_host or port == 0:
        raise UserError("names no host: give http://host:port")


def _check_driver(scheme: str) -> None:
    kind, _, driver = scheme.partition("+")
    default = DATABASES[kind]
    assert default
    module, package = (driver, driver) if driver else default
    if module == "mysqlconnector":
        module, package = "mysql", "mysql-connector-python"
    if not module.isidentifier() or importlib.util.find_spec(module) is None:
        raise UserError(
            f"needs a driver that is not installed: `python -m pip install {package}`"
        )


def _settled_sqlite(uri: str, home: Path) -> str:
    rest, _, query = uri.partition("://")[2].partition("?")
    is_file = rest.startswith("/") and len(rest) > 1
    name = unquote(rest[1:])
    if not is_file or name.startswith((":memory:", "file:")) or "mode=memory" in query:
        raise UserError(
            "names no file, so the runs would be gone with the process: give"
            " sqlite:///mlflow.db"
        )
    file = home / name
    if file.is_dir():
        raise UserError(f"is a folder: name a file in it, like sqlite:///{file}/mlflow.db")
    if name.endswith("/"):
        raise UserError("ends like a folder: name a file")
    if not file.parent.is_dir():
        is_there = "is no folder" if file.parent.exists() else "is not there: make it first"
        raise UserError(f"cannot be written: {file.parent} {is_there}")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot be written: {file.parent} may not be written to")
    if file.exists():
        _check_database(file)
    return database_address(file, query)


def _check_database(file: Path) -> None:
    """Refuse what is there and is no database; an empty file becomes one."""
    if not file.is_file():
        raise UserError("is no regular file")
    if not os.access(file, os.R_OK | os.W_OK):
        raise UserError("may not be read and written")
    with file.open("rb") as stream:
        head = stream.read(len(_SQLITE_HEADER))
    if head and head != _SQLITE_HEADER:
        raise UserError("is a file, but no sqlite database: name another")


def check_artifacts(place: str) -> None:
    """Refuse a folder for artifacts that cannot be one; addresses are MLflow's matter.

    Raises:
        UserError: a part of the path is a file, or nothing may be written there.
    """
    if _split(place).scheme not in ("", "file"):
        return
    folder = Path(place.removeprefix("file://"))
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(
            f"tracking.artifacts: {folder} cannot be a folder of artifacts: {there} is no"
            " folder that may be written to"
        )
