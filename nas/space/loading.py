"""Finding space files: a shipped name, or a path."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from nas.errors import SpaceError, nearest
from nas.space.reader import read_space
from nas.space.space import ASSUMED_SIZE, Space
from nas.space.yaml_tree import MAX_CHARACTERS

FAMILIES = "families"  # the folder of the published ones


def shipped_spaces() -> dict[str, Path]:
    """The spaces that come with the package, by name; the published families lie in a folder of their own."""
    folder = Path(str(files("search_spaces")))
    return {path.stem: path for path in sorted([*folder.glob("*.yaml"), *(folder / FAMILIES).glob("*.yaml")])}


def is_family(path: Path) -> bool:
    """Whether a shipped space is a published family of architectures."""
    return path.parent.name == FAMILIES


def load_space(name_or_path: str | Path) -> Space:
    """Read a space: a shipped name such as `residual-mlp` or `families/hourglass`, or the path of a YAML file.

    Raises: SpaceError: there is no such file, or what is wrong in it, all at once.
    """
    given = str(name_or_path)
    shipped = shipped_spaces()
    named = {**shipped, **{f"{FAMILIES}/{name}": path for name, path in shipped.items() if is_family(path)}}
    path = named.get(given, Path(given))
    try:
        if path.is_dir():
            raise SpaceError(f"{given}: a space is a YAML file, this is a folder")
        if path.exists() and not path.is_file():
            raise SpaceError(f"{given}: a space is a YAML file, this is not a file")
        with path.open("rb") as file:
            text = file.read(4 * MAX_CHARACTERS + 1).decode("utf-8")  # at most four bytes a character
    except FileNotFoundError:
        hint = nearest(given, shipped) or "; `nas spaces` lists the shipped ones"
        raise SpaceError(f"{given}: neither a file nor a shipped space{hint}") from None
    except UnicodeDecodeError as problem:
        raise SpaceError(f"{given}: not a text in UTF-8 (byte {problem.start})") from None
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise SpaceError(f"{given}: cannot be read: {reason}") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return space_from_text(text, path.name if given in named else given, path.parent)


def space_from_text(text: str, file: str = "<text>", folder: Path | None = None) -> Space:
    """Read a space from YAML; `file` is the name that errors carry, `folder` where its operator files are."""
    read = read_space(text, file, folder)
    program = read.program
    axes = dict.fromkeys([axis for axes in program.inputs.values() for axis in axes] + list(program.outputs))
    assumed = tuple(axis for axis in axes if axis not in read.sizes)
    sizes = {axis: read.sizes.get(axis, ASSUMED_SIZE) for axis in axes}
    return Space(
        program,
        sizes,
        read.seeds.genotypes,
        read.doc,
        read.source,
        text,
        file,
        assumed,
        read.operator_files,
        examples=read.sizes,
        seed_sizes=read.seeds.sizes,
    )
