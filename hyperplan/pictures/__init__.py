"""Pictures of a feature: what training had and what is served, as SVG that needs nothing else.

A picture is a pure function of two profiles and a caption. It draws text and shapes only: no scripts, no links, no fonts of its own. It is
light or dark as the reader's screen is, and whoever puts it into a page can set `--hyperplan-ink`, `--hyperplan-quiet`, `--hyperplan-line`,
`--hyperplan-training` and `--hyperplan-serving`.

`picture` lays out the frame, `numbers` draws distributions of numbers over a `scale`, `categories` the most common values, `svg` writes
elements.
"""

from hyperplan.pictures.picture import HEIGHT, WIDTH, Caption, picture_of

__all__ = ["HEIGHT", "WIDTH", "Caption", "picture_of"]
