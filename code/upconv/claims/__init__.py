"""Claims: what people say about these networks, and the cell that checks it.

Every chapter ``NN_name.ipynb`` has a file ``NN_name.toml`` here with one table per claim::

    [C1.10]
    source = "slides on CNN, Fourier and DCGAN"
    statement = "softmax of the edge kernel has 0.9992 at its centre"
    verdict = "holds, corrected"
    finding = "The centre is 0.999014; 0.9992 comes from rounding the rim first."

A chapter checks a claim in a ``with`` block. The block's assertions are the check; if they
pass, the verdict is shown, and the claims page links to that very cell::

    with claim("C1.10"):
        assert abs(centre - 0.999014) < 5e-7
"""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources

VERDICTS = ("holds", "holds, corrected", "fails")

_MARK = {"holds": "✓", "holds, corrected": "≈", "fails": "✗"}
_COLOUR = {"holds": "#009e73", "holds, corrected": "#b8860b", "fails": "#d55e00"}


@dataclass(frozen=True)
class Claim:
    """One claim. ``finding`` says what is right, in one or two sentences of Markdown."""

    id: str
    chapter: str
    source: str
    statement: str
    verdict: str
    finding: str

    @property
    def anchor(self) -> str:
        """Fragment of the cell that checks the claim, e.g. ``claim-c1-10``."""
        return "claim-" + self.id.lower().replace(".", "-")

    def _repr_html_(self) -> str:
        color = _COLOUR[self.verdict]
        return (
            f'<div class="upconv-claim" id="{self.anchor}" data-verdict="{self.verdict}" '
            f'style="border-left:4px solid {color};padding:.4em 1em;margin:.4em 0">'
            f"<strong>{_MARK[self.verdict]} Claim {self.id} · {self.verdict}</strong><br>"
            f"<em>{_inline(self.statement)}</em><br>{_inline(self.finding)}</div>"
        )

    def __repr__(self) -> str:
        return f"Claim {self.id}: {self.verdict}. {self.finding}"


def _inline(text: str) -> str:
    """The two bits of Markdown a claim may use: `code` and *emphasis*."""
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)


def load_claims() -> dict[str, Claim]:
    """All claims of the book by id, in the order of the chapters and of their files.

    Raises
    ------
    ValueError
        If a verdict is none of ``VERDICTS``, or an id stands in two files.
    """
    claims: dict[str, Claim] = {}
    files = [f for f in resources.files(__package__).iterdir() if f.name.endswith(".toml")]
    for file in sorted(files, key=lambda f: f.name):
        chapter = file.name.removesuffix(".toml")
        for claim_id, row in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if row["verdict"] not in VERDICTS:
                got = f"got {row['verdict']!r}, expected one of {VERDICTS}"
                raise ValueError(f"verdict of claim {claim_id}: {got}")
            if claim_id in claims:
                raise ValueError(f"claim {claim_id}: got it twice, expected an id to be unique")
            claims[claim_id] = Claim(id=claim_id, chapter=chapter, **row)
    return claims


@contextmanager
def claim(claim_id: str) -> Iterator[None]:
    """Check a claim: run the assertions of the block, then show the verdict.

    Raises
    ------
    ValueError
        If no claim has this id.
    AssertionError
        From the block; then no verdict is shown.
    """
    from IPython.display import display

    claims = load_claims()
    if claim_id not in claims:
        raise ValueError(f"claim_id: got {claim_id!r}, expected one of {', '.join(claims)}")
    yield
    display(claims[claim_id])
