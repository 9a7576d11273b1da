"""Pictures: a text alternative for each, their room on the page kept, and light.

1. A picture in a notebook's output has the text alternative that ``upconv.figures.show`` stored;
   without one there is a warning.
2. Pictures become WebP where that is smaller; large ones on pages have a second size for phones.
3. Only the first is fetched before the reader comes near.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

PIXELS = (".jpg", ".jpeg", ".png", ".webp")
PHONE = 720  # pixels: a phone's width at its usual density


class picture(nodes.image):
    """An image; ``html`` are its attributes on the page beside text and source."""


class LightenPictures(SphinxPostTransform):
    """Size, second size and time of loading of each picture, when the format is known."""

    default_priority = 300
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        images = [node for node in self.document.findall(nodes.image) if self.is_ours(node)]
        if self.app.builder.name == "html":  # a PDF takes a JPEG as it is, but unpacks a WebP
            self.lighten(images)
        for number, node in enumerate(images):
            self.complete(node, first=number == 0)

    def is_ours(self, node: nodes.image) -> bool:
        """Those of chapters everywhere, those of other pages on the website."""
        pixels = node["uri"] in self.env.images and node["uri"].endswith(PIXELS)
        percent = str(node.get("width", "")).endswith("%")
        on_site = self.app.builder.name == "html" and not percent
        return pixels and ("stored" in node or on_site)

    def lighten(self, images: Iterable[nodes.image]) -> None:
        jpegs = {node["uri"]: None for node in images if node["uri"].endswith((".jpg", ".jpeg"))}
        with ThreadPoolExecutor() as pool:
            light = dict(zip(jpegs, pool.map(self.as_webp, jpegs), strict=True))
        for node in images:
            if path := light.get(node["uri"]):
                node["uri"] = self.add(path)
                node["candidates"] = {"*": node["uri"]}

    def path(self, uri: str) -> Path:
        return Path(self.env.srcdir, uri)

    def made(self, name: str) -> Path:
        """Where a picture that is made here is kept; Sphinx takes it from there to the site."""
        folder = Path(self.app.doctreedir, "images")
        folder.mkdir(exist_ok=True)
        return folder / name

    def add(self, path: Path) -> str:
        """Let the site have this picture."""
        uri = path.as_posix()
        self.env.images.add_file(self.env.docname, uri)
        self.app.builder.images[uri] = self.env.images[uri][1]
        return uri

    def as_webp(self, uri: str) -> Path | None:
        """The picture as WebP, where that is smaller by a tenth or more."""
        source, webp = self.path(uri), io.BytesIO()
        with Image.open(source) as image:
            image.save(webp, "webp", quality=78, method=4)
        if webp.tell() > 0.9 * source.stat().st_size:
            return None
        target = self.made(f"{source.stem}.webp")
        target.write_bytes(webp.getvalue())
        return target

    def complete(self, node: nodes.image, first: bool) -> None:
        """Its attributes, in the order in which they are written."""
        if not node.get("alt"):
            logger.warning("picture without a text alternative: use figures.show", location=node)
        with Image.open(self.path(node["uri"])) as image:
            wide, high = image.size
            width = int(str(node.get("width", wide)).removesuffix("px"))
            more = {"width": width, "height": round(width * high / wide)}
            if self.app.builder.name != "epub":  # which knows no more of them than these
                # The first is in view on load: fetching it late would only delay it.
                more |= {"loading": "eager" if first else "lazy", "decoding": "async"}
            if "stored" not in node:
                more |= {"fetchpriority": "high"} if first else {}
                if wide > PHONE:
                    more["srcset"] = {PHONE: self.smaller(node["uri"], image), wide: node["uri"]}
                    more["sizes"] = f"(max-width: 60rem) 92vw, {width}px"
        new = picture(**node.attributes)
        new.source, new.line, new["html"] = node.source, node.line, more
        node.replace_self(new)

    def smaller(self, uri: str, image: Image.Image) -> str:
        target = self.made(f"{Path(uri).stem}-{PHONE}.webp")
        size = (PHONE, round(PHONE * image.height / image.width))
        image.resize(size, Image.Resampling.LANCZOS).save(target, "webp", quality=72)
        return self.add(target)


def visit_picture(self, node: picture) -> None:
    def place(uri: str) -> str:
        return posixpath.join(self.builder.imgpath, self.builder.images[uri])

    attributes = {"alt": node.get("alt", ""), "src": place(node["uri"]), **node["html"]}
    if sizes := attributes.get("srcset"):
        attributes["srcset"] = ", ".join(f"{place(uri)} {wide}w" for wide, uri in sizes.items())
    written = (f'{name}="{self.attval(str(value))}"' for name, value in attributes.items())
    self.body.append(f"<img {' '.join(written)} />\n")


def depart_picture(self, node: picture) -> None: ...


def setup(app: Sphinx) -> None:
    app.add_node(picture, html=(visit_picture, depart_picture))
    app.add_post_transform(LightenPictures)
