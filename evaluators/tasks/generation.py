"""Classification as generation: an image in, the image that stands for its class out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.task import Data, SealedSplit, Split


def generation(images: NDArray[Any], labels: NDArray[Any], parts: dict[str, NDArray[np.int64]]) -> Data:
    """To be found is the first image of the class in the training part, for the samples of all parts.

    Source: the protocol of arXiv:2510.01796.
    """
    own = images.astype(np.float32)
    classes, first = np.unique(labels[parts["train"]], return_index=True)
    stands = own[parts["train"][first]]
    splits = {
        part: Split((own[where],), stands[np.searchsorted(classes, labels[where])]) for part, where in parts.items()
    }
    return Data(splits["train"], splits["validation"], SealedSplit(splits["test"]))
