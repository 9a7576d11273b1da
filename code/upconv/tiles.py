"""Windows of large images, and probabilities of small ones at a larger size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VALUES = 2**22  # that are interpolated at once


@dataclass(frozen=True)
class Window:
    """Along one axis: what is seen of the image and missing around it, what is kept of the logits,
    and its place in the result."""

    seen: slice
    missing: tuple[int, int]
    kept: slice
    place: slice


class Side:
    """One axis of an image, padded to a network's multiple as the network would: on both sides if
    it is ``centered``, else at the end."""

    def __init__(self, size: int, multiple: int, centered: bool) -> None:
        more = -size % multiple
        self.size, self.whole = size, size + more
        self.before = more // 2 if centered else 0

    def windows(self, tile: int, margin: int) -> list[Window]:
        """Windows that overlap by twice the margin; the outermost end where the padding does."""
        length, before = min(tile + 2 * margin, self.whole), self.before
        found = []
        for begin in range(0, self.whole, tile):
            start = max(0, min(begin - margin, self.whole - length))
            first, last = start - before, start + length - before  # in the image
            seen = slice(max(first, 0), min(last, self.size))
            place = slice(max(begin - before, 0), min(begin + tile - before, self.size))
            if place.start < place.stop:
                kept = slice(place.start - first, place.stop - first)
                found.append(Window(seen, (seen.start - first, last - seen.stop), kept, place))
        return found


def stretched(found: np.ndarray, shape: tuple[int, int], softmax: bool) -> np.ndarray:
    """Interpolate probabilities (classes, h, w) bilinearly to a larger size, or their classes."""
    places = [
        ((np.arange(after) + 0.5) * (before / after) - 0.5).clip(0, before - 1)
        for before, after in zip(found.shape[1:], shape, strict=True)
    ]
    lows = [place.astype(np.intp) for place in places]
    highs = [np.minimum(low + 1, n - 1) for low, n in zip(lows, found.shape[1:], strict=True)]
    row, column = (
        (place - low).astype(np.float32) for place, low in zip(places, lows, strict=True)
    )
    classes = len(found)
    result = np.empty(
        (classes, *shape) if softmax else shape,
        np.float32 if softmax else np.min_scalar_type(classes - 1),
    )
    count = max(1, VALUES // (classes * shape[1]))  # rows at once
    for start in range(0, shape[0], count):
        rows = slice(start, start + count)
        down = row[rows, None]
        tall = found[:, lows[0][rows]] * (1 - down) + found[:, highs[0][rows]] * down
        wide = tall[..., lows[1]] * (1 - column) + tall[..., highs[1]] * column
        result[..., rows, :] = wide if softmax else wide.argmax(0)
    return result
