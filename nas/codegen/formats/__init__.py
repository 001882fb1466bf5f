"""Other formats of a model, written beside its `.py` and checked against it: ONNX, `torch.export`, safetensors.

Nothing of a format is imported before somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, cast

from nas.errors import NasError, nearest

if TYPE_CHECKING:
    from nas.codegen.formats.format import Format

FORMATS: Final = {"onnx": ".onnx", "torch-export": ".pt2", "safetensors": ".safetensors"}
"""Their names, and the endings of their files."""

__all__ = ["FORMATS", "wanted"]


def wanted(names: str | Iterable[str]) -> tuple[Format, ...]:
    """The formats of these names, each once, ready to be written.

    Raises: NasError: there is no such format, or a package that it needs is not installed; nothing was done yet.
    """
    asked = dict.fromkeys([names] if isinstance(names, str) else names)
    for name in asked:
        if name not in FORMATS:
            raise NasError(f"there is no format `{name}`{nearest(name, FORMATS)}; there are {', '.join(FORMATS)}")
    homes = (import_module(f"{__name__}.{name.replace('-', '_')}") for name in asked)
    formats = tuple(cast("Format", home.FORMAT) for home in homes)
    missing = {package: one.title for one in formats for package in one.packages if find_spec(package) is None}
    if missing:
        titles = " and ".join(dict.fromkeys(missing.values()))
        packages = ", ".join(missing)
        raise NasError(
            f"{titles} {'need' if ' and ' in titles else 'needs'} packages that are missing: {packages}; "
            "install them with `pip install 'hourglass-nas[onnx]'`"
        )
    return formats
