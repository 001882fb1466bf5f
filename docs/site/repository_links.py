"""Pages link to files of the repository, as in `../results/NAME/README.md`. The site gets copies of these, and links to them.

So one spelling works on a page in the repository and on the built site. A link to a file that is not there is left as it
is: MkDocs warns of it, and a strict build fails.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

_LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside of `docs`, and what such pages link to in turn."""
    root = Path(config.docs_dir).parent
    waiting = list(files.documentation_pages())
    while waiting:
        page = waiting.pop()
        for path in _linked(page.src_uri, page.content_string):
            uri = _uri(path)
            if files.get_file_from_path(uri) is None and (root / path).is_file():
                copy = File.generated(config, uri, abs_src_path=str(root / path))
                files.append(copy)
                waiting += [copy] if copy.is_documentation_page() else []
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as the site's folders need them."""
    here = page.file.src_uri

    def moved(link: re.Match[str]) -> str:
        return posixpath.relpath(_uri(_in_repository(here, link[1])), posixpath.dirname(here) or ".")

    return _LINK.sub(moved, markdown)


def _linked(uri: str, text: str) -> Iterator[str]:
    for target in _LINK.findall(text):
        yield _in_repository(uri, target)


def _in_repository(uri: str, target: str) -> str:
    """The path in the repository that `target` on the page `uri` means."""
    folder = posixpath.dirname(uri if uri.startswith("results/") else f"docs/{uri}")
    return posixpath.normpath(posixpath.join(folder, target))


def _uri(path: str) -> str:
    return path.removeprefix("docs/")
