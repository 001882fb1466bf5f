"""Images of files and libraries as one array, in the layout of the shipped image tasks: `[samples, height, width, channels]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.installed import installed
from nas.errors import Fault, TaskError, nearest

Color = Literal["gray", "rgb"]
Opened = Callable[[], Any]
"""Gives a Pillow image, or fails as Pillow does."""

GRAY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
MOST_FAULTS = 5


def images_as_array(
    images: Iterable[tuple[str, Opened]], *, color: Color | None, size: tuple[int, int] | None, name: str
) -> NDArray[np.float32]:
    """`(n, height, width, channels)` from 0 to 1; photos are turned as their cameras say, transparency is left out.

    Args:
        images: what to call each in messages, and how to open it.
        color: one channel or three; None: what all images share.
        size: height and width of all; None: what all images share.
        name: of the data, for messages.
    Raises: TaskError: Pillow is not installed, an option is out of range, images cannot be read, or share no size or color.
    """
    if color is not None and color not in get_args(Color):
        raise TaskError(f"{name}: `color` is gray or rgb, got {color!r}{nearest(str(color), get_args(Color))}")
    if size is not None:
        size = _checked(size, name)
    pillow = installed("PIL.Image", "pillow", f"task `{name}`")
    arrays: list[NDArray[Any]] = []
    unreadable: list[Fault | str] = []
    first = ""
    for label, opened in images:
        try:
            pixels = _pixels(pillow, opened(), color, size)
        except pillow.UnidentifiedImageError:
            unreadable.append(f"{label}: not an image of a kind that Pillow reads")
            continue
        except (OSError, SyntaxError, ValueError, EOFError, pillow.DecompressionBombError) as error:
            unreadable.append(f"{label}: not a readable image ({error})")
            continue
        if not arrays:
            first = label
        elif pixels.shape != arrays[0].shape:
            raise TaskError(_difference(label, pixels, first, arrays[0]))
        arrays.append(pixels)
    if unreadable:
        more = len(unreadable) - MOST_FAULTS
        raise TaskError(*unreadable[:MOST_FAULTS], *([f"and {more} images more"] if more > 0 else []))
    if not arrays:
        raise TaskError(f"{name}: holds no images")
    whole: NDArray[np.float32] = np.stack(arrays).astype(np.float32)
    whole /= 255
    return whole


def _pixels(pillow: Any, image: Any, color: Color | None, size: tuple[int, int] | None) -> NDArray[Any]:
    """`(height, width, channels)` from 0 to 255: bytes, or float32 where the file has 16 bits."""
    if image is None:
        raise ValueError("there is none")
    with image:
        image = installed("PIL.ImageOps", "pillow", "an image").exif_transpose(image)
        if image.mode in ("I", "F"):
            raise ValueError(f"its numbers, of Pillow's mode {image.mode}, have no range: save it with 8 or 16 bits")
        if image.mode in GRAY[4:]:  # Pillow would cut these off at 255
            image = pillow.fromarray(np.asarray(image).astype(np.float32) / 257)
        else:
            gray = color == "gray" or (color is None and image.mode in GRAY)
            image = image.convert("RGBA") if "transparency" in image.info else image
            image = image.convert("L" if gray else "RGB")
        if size is not None:
            image = image.resize(size[::-1], pillow.Resampling.BILINEAR)
        pixels = np.asarray(image)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return np.repeat(pixels, 3, axis=2) if color == "rgb" and pixels.shape[2] == 1 else pixels


def _difference(label: str, one: NDArray[Any], first: str, other: NDArray[Any]) -> str:
    if one.shape[:2] != other.shape[:2]:
        (height, width), (h, w) = one.shape[:2], other.shape[:2]
        return (
            f"{label}: {height} × {width} pixels, and {first} has {h} × {w}; say which size all get, as [height, width]: "
            f"`size: [{h}, {w}]`"
        )
    names = {1: "gray", 3: "in color"}
    return (
        f"{label}: {names[one.shape[2]]}, and {first} is {names[other.shape[2]]}; say what all become: `color: gray` or "
        "`color: rgb`"
    )


def _checked(size: Any, name: str) -> tuple[int, int]:
    whole = isinstance(size, (list, tuple)) and all(type(side) is int and side > 0 for side in size)
    if not whole or len(size) != 2:
        raise TaskError(f"{name}: `size` is [height, width] in pixels, such as [32, 32], got {size!r}")
    return size[0], size[1]
