"""Where the site is. The repository's address in _config.yml says it, and nothing else does.

``{site}`PDF <upconv.pdf>``` leads to a file beside the published site, from wherever a copy of it
is read.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.config import Config


def find_address(app: Sphinx, config: Config) -> None:
    """Where GitHub Pages puts the site of the repository that _config.yml names."""
    owner, name = config.html_theme_options["repository_url"].rstrip("/").split("/")[-2:]
    config.html_baseurl = config.ogp_site_url = f"https://{owner}.github.io/{name}/"
    config.extlinks = {**config.extlinks, "site": (f"{config.html_baseurl}%s", None)}
    config.notfound_urls_prefix = f"/{name}/"
    config.notfound_context = {
        "title": "No such page",
        "body": "<h1>No such page</h1><p>It may have moved. "
        f'The <a href="/{name}/book/intro.html">front page</a> lists all chapters, and the search '
        "knows every term.</p>",
    }


def open_editions(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Lead the button to what is written for Colab: ``make editions``, on a branch of its own.

    The theme makes its buttons in the context of each page, with one branch for all of them.
    """
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if url := button.get("url"):
                button["url"] = re.sub(r"^(https://colab\..+?/blob)/[^/]+/", r"\1/colab/", url)


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx.ext.extlinks")
    app.connect("config-inited", find_address)
    app.connect("html-page-context", open_editions, priority=502)  # after the theme's buttons
