"""Typeset the book's formulas: write formulas.json and book/_static/stix-two-math.woff.

    make formulas

Takes the formulas found by the last `make book`, converts their TeX to MathML with Temml, and
subsets STIX Two Math to the characters they need. Needs Node.js; its output is kept in the
repository, so that building the book does not.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path

from fontTools import subset

from upconv.files import atomic_write

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "_build" / "formulas.json"
TOOLS = ROOT / "build" / "formulas"
PACKAGES = ("temml@0.13.5", "@fontsource/stix-two-math@5.3.0")
FONT = "node_modules/@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff"
SET = """
const temml = require("temml");
const found = JSON.parse(require("fs").readFileSync(0, "utf8"));
const set = {};
for (const tex of found) {
  const displayMode = tex.endsWith("$");
  set[tex] = temml.renderToString(tex.replace(/\\$$/, ""), { displayMode, throwOnError: true });
}
console.log(JSON.stringify(set));
"""


def as_rows(mathml: str) -> str:
    """Let the style sheet draw overlines: browsers disagree about <menclose>."""
    return re.sub(
        r'<menclose notation="top" (class="tml-overline")>(.*?)</menclose>',
        r"<mrow \1>\2</mrow>",
        mathml,
    )


def main() -> None:
    found = FOUND.read_text(encoding="utf-8")
    TOOLS.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-audit", "--no-fund", "--silent", "--prefix", str(TOOLS)]
    subprocess.check_call(["npm", "install", *quiet, *PACKAGES])
    done = subprocess.check_output(["node", "-e", SET], input=found, text=True, cwd=TOOLS)
    formulas = {tex: as_rows(mathml) for tex, mathml in json.loads(done).items()}
    text = json.dumps(formulas, ensure_ascii=False, indent=0, sort_keys=True) + "\n"
    target = ROOT / "book" / "_ext" / "upconv_book" / "formulas.json"
    atomic_write(target, lambda path: path.write_text(text, encoding="utf-8"))

    characters = html.unescape(re.sub(r"<[^>]*>", "", "".join(formulas.values())))
    options = subset.Options(flavor="woff", layout_features=["*"])
    font = subset.load_font(str(TOOLS / FONT), options)
    subsetter = subset.Subsetter(options)
    # Browsers replace single letters by italics, x by U+1D465: include these.
    italics = [*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)]
    subsetter.populate(text=characters + "0123456789()[]{}|,.=+−√", unicodes=italics)
    subsetter.subset(font)
    target = ROOT / "book" / "_static" / "stix-two-math.woff"
    atomic_write(target, lambda path: subset.save_font(font, str(path), options))
    print(f"{len(formulas)} formulas, font of {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
