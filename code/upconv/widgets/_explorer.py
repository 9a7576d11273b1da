"""What all explorers share: how they are shown with and without a kernel."""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import anywidget
import traitlets

# Read by the website, which has no kernel: the explorer's name and its state.
MIME_TYPE = "application/vnd.upconv.explorer+json"


class Explorer(anywidget.AnyWidget):
    """Base of the explorers. ``state_names`` are the traits that the page shows and changes."""

    state_names: ClassVar[tuple[str, ...]] = ()
    # Too long to print.
    hidden_names: ClassVar[tuple[str, ...]] = (
        "pictures",
        "signals",
        "networks",
        "drawing",
        "sheet",
        "weight_names",
        "layer_names",
    )
    name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "name" in cls.__dict__:  # anywidget makes classes of its own on the way
            cls._esm = source(cls.name)
        super().__init_subclass__(**kwargs)

    def __init__(self, **kwargs: Any) -> None:
        # A fixed id: a chapter that is run again stores the very same output.
        super().__init__(model_id=_next_id(self.name), **kwargs)

    def state(self) -> dict[str, Any]:
        """What a page without a kernel needs to show the explorer as it is now."""
        return {name: getattr(self, name) for name in self.state_names}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        data["text/plain"] = repr(self)
        data[MIME_TYPE] = json.loads(json.dumps({"name": self.name, "state": self.state()}))
        return data, metadata

    def __repr__(self) -> str:
        settings = ", ".join(
            f"{name}={value!r}"
            for name, value in self.state().items()
            if name not in self.hidden_names
        )
        return f"{type(self).__name__}({settings})"


class SheetExplorer(Explorer):
    """An explorer of pictures made beforehand, all in one sheet; ``stored`` is the course's own."""

    stored: str  # name of a picture in results
    expected: str  # of a sheet, for the reader who brings another

    sheet = traitlets.Unicode().tag(sync=True)

    @staticmethod
    def fits(height: int, width: int) -> bool:
        """Whether a sheet of so many pixels holds as many pictures as there are places."""
        raise NotImplementedError

    @traitlets.validate("sheet")
    def _check_sheet(self, proposal: dict[str, Any]) -> str:
        try:
            height, width = from_url(proposal["value"]).shape[:2]
        except (OSError, ValueError, IndexError):
            height = width = 0
        if not height or not self.fits(height, width):
            got = f"got {height} × {width} pixels"
            raise traitlets.TraitError(f"sheet: {got}, expected {self.expected}")
        return proposal["value"]

    @traitlets.default("sheet")
    def _stored_sheet(self) -> str:
        from upconv.results import picture

        return to_url(picture(self.stored).read_bytes())


def source(name: str, common: bool = True) -> str:
    """The ES module of an explorer, in one piece: hosts load it from memory, without imports."""
    here = Path(__file__).parent
    names = ("common", name) if common else (name,)
    return "\n".join((here / f"{n}.js").read_text(encoding="utf-8") for n in names)


_shown: dict[str, int] = {}


def _next_id(name: str) -> str:
    _shown[name] = _shown.get(name, 0) + 1
    return f"upconv-{name}-{_shown[name]:03d}"


def one_of(known: Iterable[str], name: str, value: Any) -> str:
    """A name that is known.

    Raises
    ------
    traitlets.TraitError
        Naming the trait, what came and what was expected.
    """
    names = [*known]
    if value not in names:
        expected = ", ".join(names)
        raise traitlets.TraitError(f"{name}: got {value!r}, expected one of {expected}")
    return cast(str, value)


def edge_kernel() -> list[list[float]]:
    """The kernel that explorers begin with: 8 in the center and −1 around it."""
    return [[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]]


def matrix(value: Any, name: str, smallest: int, largest: int) -> list[list[float]]:
    """A square matrix of finite numbers as nested lists.

    Raises
    ------
    traitlets.TraitError
        Naming the trait, what came and what was expected.
    """
    import numpy as np

    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    good = array.ndim == 2 and array.shape[0] == array.shape[1] and np.isfinite(array).all()
    if not good or not smallest <= len(array) <= largest:
        got = f"shape {array.shape}" if array.ndim == 2 else repr(value)
        expected = f"a square matrix of finite numbers, {smallest} to {largest} per side"
        raise traitlets.TraitError(f"{name}: got {got}, expected {expected}")
    return cast(list[list[float]], array.tolist())


def table(value: Any, name: str, most: int, ranges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Rows of whole numbers, each column in its own range, as nested lists.

    Raises
    ------
    traitlets.TraitError
        Naming the trait, what came and what was expected.
    """
    expected = f"at most {most} rows of {len(ranges)} whole numbers in {list(ranges)}"
    try:
        rows = [[int(x) for x in row] for row in value]
        good = len(rows) <= most and all(
            len(row) == len(ranges)
            and all(
                x == given and low <= x <= high
                for x, given, (low, high) in zip(row, came, ranges, strict=True)
            )
            for row, came in zip(rows, value, strict=True)
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        raise traitlets.TraitError(f"{name}: got {value!r}, expected {expected}")
    return rows


def encode_photo(image: Any) -> str:
    """A picture, (H, W) or (H, W, 3), floats from 0 to 1, as a data URL that a page can show."""
    import numpy as np

    return to_url(encode_jpeg(np.round(np.asarray(image) * 255).astype(np.uint8), 90))


def encode_jpeg(pixels: Any, quality: int) -> bytes:
    """A picture, (H, W) or (H, W, 3), uint8, as a JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def to_url(jpeg: bytes) -> str:
    """A JPEG as a data URL."""
    return "data:image/jpeg;base64," + b64encode(jpeg).decode()


def from_url(url: str) -> Any:
    """The picture of a data URL, (H, W) or (H, W, 3), uint8."""
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(b64decode(url.split(",", 1)[1])))
    return np.asarray(picture if picture.mode == "L" else picture.convert("RGB"))
