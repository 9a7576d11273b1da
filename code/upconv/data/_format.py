"""Which class each value or color of mask files is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from upconv.checks import is_integer, refuse

KINDS = ("values", "colors")


@dataclass(frozen=True)
class MaskFormat:
    """Which class each value or color of mask files is, decided once for a whole folder.

    Parameters
    ----------
    kind
        "values" for gray values and numbers of a palette; "colors", as 65536 red + 256 green +
        blue.
    classes
        Pairs of a value or color and its class.
    void
        The value or color of unlabeled pixels, or None.
    threshold
        Gray values from this one on are class 1, all others class 0; or None.
    instances
        Whether values number instances; 0 is background.
    gray_palette
        Whether a palette's gray values count instead of its numbers.
    palette
        Pairs of a palette's number and its color, packed as above: in other files a number with
        another color is refused.

    Examples
    --------
    >>> black_and_white = MaskFormat(classes=((0, 0), (255, 1)), void=None)
    >>> MaskFormat.from_json(black_and_white.to_json()) == black_and_white
    True
    """

    kind: str = "values"
    classes: tuple[tuple[int, int], ...] = ()
    void: int | None = None
    threshold: int | None = None
    instances: bool = False
    gray_palette: bool = False
    palette: tuple[tuple[int, int], ...] = ()

    def to_json(self) -> str:
        """Return the format as JSON, as it is stored with weights."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> MaskFormat:
        """Read a format from JSON.

        Raises
        ------
        ValueError
            If the text does not describe one.
        """
        given = json.loads(text)
        if not isinstance(given, dict) or given.keys() != cls.__dataclass_fields__.keys():
            refuse("masks", text[:99], f"names and values of {', '.join(cls.__dataclass_fields__)}")
        return cls(**_checked(given))


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(given)
    if given["kind"] not in KINDS:
        refuse("masks: kind", given["kind"], f"one of {', '.join(KINDS)}")
    for name in ("instances", "gray_palette"):
        if not isinstance(given[name], bool):
            refuse(f"masks: {name}", given[name], "true or false")
    for name in ("void", "threshold"):
        if given[name] is not None and not is_integer(given[name]):
            refuse(f"masks: {name}", given[name], "an integer or null")
    for name in ("classes", "palette"):
        pairs = given[name]
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(map(is_integer, pair))
            for pair in pairs
        ):
            refuse(f"masks: {name}", pairs, "pairs of integers")
        found[name] = tuple((value, number) for value, number in pairs)
    if not all(0 <= number < 255 for _, number in found["classes"]):
        refuse("masks: classes", given["classes"], "classes from 0 to 254")
    return found
