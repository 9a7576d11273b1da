"""Claims: what people say about these networks, and the cell that checks it.

Every page ``NN_name.ipynb`` has a file ``NN_name.toml`` here with one table per claim::

    [C1.10]
    source = "slides on CNN, Fourier and DCGAN"
    statement = "softmax of the edge kernel has 0.9992 at its centre"
    verdict = "holds, corrected"
    finding = "The centre is 0.999014; 0.9992 comes from rounding the rim first."

A chapter checks a claim by a function of what it checks. It must accept each right candidate, and
reject each wrong one: a check that accepts anything proves nothing::

    def is_centre(number):
        assert abs(number - 0.999014) < 5e-7

    claim("C1.10", is_centre, right={"NumPy": centre}, wrong={"the circulating number": 0.9992})

If it does, the verdict is shown with what was accepted and rejected, and the claims page links to
that very cell. History is not for a cell: such a claim has the verdict ``not for a cell`` and names
its source by ``cite``, a key of the book's bibliography; ``claim("C1.12")`` alone shows it.
"""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

Check = Callable[[Any], bool | None]
CITED = "not for a cell"
VERDICTS = ("holds", "holds, corrected", "fails", CITED)
# Pages whose claims are still checked in ``with`` blocks, without wrong candidates.
WITHOUT_CONTROLS = (
    "03_fcn",
    "04_skip_ablation",
    "05_unet",
    "06_dcgan",
)

_MARK = {"holds": "✓", "holds, corrected": "≈", "fails": "✗", CITED: "❝"}
_COLOUR = {
    "holds": "#009e73",
    "holds, corrected": "#b8860b",
    "fails": "#d55e00",
    CITED: "#56719b",
}


@dataclass(frozen=True)
class Claim:
    """One claim. ``finding`` says what is right, in one or two sentences of Markdown."""

    id: str
    chapter: str
    source: str
    statement: str
    verdict: str
    finding: str
    cite: str = ""

    @property
    def anchor(self) -> str:
        """Fragment of the cell that checks the claim, e.g. ``claim-c1-10``."""
        return "claim-" + self.id.lower().replace(".", "-")

    def _repr_html_(self, note: str = "") -> str:
        color = _COLOUR[self.verdict]
        if self.cite:
            # On the page the key becomes the citation, with a link.
            note = f'Source: <cite data-key="{self.cite}">{_words(self.cite)}</cite>'
        return (
            f'<div class="upconv-claim" id="{self.anchor}" data-verdict="{self.verdict}" '
            f'style="border-left:4px solid {color};padding:.4em 1em;margin:.4em 0">'
            f"<strong>{_MARK[self.verdict]} Claim {self.id} · {self.verdict}</strong><br>"
            f"<em>{_inline(self.statement)}</em><br>{_inline(self.finding)}"
            f"{f'<br><small>{note}</small>' if note else ''}</div>"
        )

    def __repr__(self) -> str:
        source = f" Source: {_words(self.cite)}." if self.cite else ""
        return f"Claim {self.id}: {self.verdict}. {self.finding}{source}"


@dataclass(frozen=True)
class Checked:
    """A claim whose check has accepted and rejected what it should."""

    claim: Claim
    accepted: tuple[str, ...]
    rejected: tuple[str, ...]

    def _note(self) -> str:
        return f"accepts {', '.join(self.accepted)}; rejects {', '.join(self.rejected)}"

    def _repr_html_(self) -> str:
        return self.claim._repr_html_(f"The check {_inline(self._note())}.")

    def __repr__(self) -> str:
        return f"{self.claim!r} The check {self._note()}."


def _words(key: str) -> str:
    """``UlyanovLebedev2016`` → ``Ulyanov Lebedev 2016``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", key)


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
        If a verdict is none of ``VERDICTS``, an id stands in two files, or a claim has ``cite``
        and another verdict than ``not for a cell``, or the verdict without ``cite``.
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
            if (row["verdict"] == CITED) != bool(row.get("cite")):
                got = f"got {row.get('cite', '')!r} with the verdict {row['verdict']!r}"
                expected = f"expected a key of the bibliography with {CITED!r}, and only there"
                raise ValueError(f"cite of claim {claim_id}: {got}, {expected}")
            claims[claim_id] = Claim(id=claim_id, chapter=chapter, **row)
    return claims


def claim(
    claim_id: str,
    check: Check | None = None,
    right: Mapping[str, Any] | None = None,
    wrong: Mapping[str, Any] | None = None,
) -> Any:
    """Check a claim, then show the verdict.

    Parameters
    ----------
    claim_id
        Such as ``"C1.10"``.
    check
        Takes a candidate; fails by an assertion or returns False where the claim is not so.
    right, wrong
        What the candidate is → the candidate. The check must accept each right one and reject each
        wrong one: a random, constant or trivial answer, or the mistake that circulates.

    Raises
    ------
    ValueError
        If no claim has this id, or if there is no right or no wrong candidate.
    AssertionError
        If the check rejects a right candidate, or accepts a wrong one; then no verdict is shown.
    """
    from IPython.display import display

    claims = load_claims()
    if claim_id not in claims:
        raise ValueError(f"claim_id: got {claim_id!r}, expected one of {', '.join(claims)}")
    row = claims[claim_id]
    if check is None and row.chapter in WITHOUT_CONTROLS and row.verdict != CITED:
        return _in_block(row)
    if row.verdict == CITED:
        if check is not None:
            raise ValueError(f"check: got one for {claim_id}, expected none: it is {CITED}")
        display(row)
    else:
        right, wrong = ({} if one is None else one for one in (right, wrong))
        _check(claim_id, check, right, wrong)
        display(Checked(row, tuple(right), tuple(wrong)))
    return None


def _check(
    claim_id: str, check: Check | None, right: Mapping[str, Any], wrong: Mapping[str, Any]
) -> None:
    if not callable(check):
        got = "none" if check is None else repr(check)
        raise ValueError(f"check: got {got} for {claim_id}, expected a function of a candidate")
    for name, candidates in (("right", right), ("wrong", wrong)):
        if not isinstance(candidates, Mapping):
            got, expected = type(candidates).__name__, "what each candidate is → the candidate"
            raise ValueError(f"{name}: got a {got} for {claim_id}, expected {expected}")
        if not candidates:
            raise ValueError(f"{name}: got no candidate for {claim_id}, expected at least one")
    for about, candidate in right.items():
        if not _accepts(check, candidate, about, claim_id):
            raise AssertionError(f"{claim_id}: the check returned False for {about}")
    for about, candidate in wrong.items():
        try:
            accepted = _accepts(check, candidate, about, claim_id)
        except AssertionError:
            continue
        if accepted:
            raise AssertionError(f"{claim_id}: the check cannot fail: it accepted {about}")


def _accepts(check: Check, candidate: Any, about: str, claim_id: str) -> bool:
    try:
        result = check(candidate)
        return result is None or bool(result)
    except Exception as error:
        error.add_note(f"{claim_id}, while checking {about}")
        raise


@contextmanager
def _in_block(row: Claim) -> Iterator[None]:
    """The first edition's form: assertions in a block, without a wrong candidate."""
    from IPython.display import display

    yield
    display(row)
