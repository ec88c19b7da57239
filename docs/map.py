"""Draws ``architecture.svg`` from the import contracts in ``setup.cfg``: ``python docs/map.py``."""

from configparser import ConfigParser
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).parent / "architecture.svg"

PANELS = (
    ("layers", "django_skinsback"),
    ("flows", "django_skinsback.flows"),
    ("sandbox_layers", "django_skinsback.sandbox"),
)
"""Contracts that are drawn: the package on the left, two of its folders in frames on the right."""

ROW, BOX, GAP, PADDING, MARGIN, TITLE = 46, 26, 8, 10, 20, 22
LETTER = 7.3
"""Width of a letter of the monospaced font, in pixels."""

STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1b2430}"
    ".title{font-weight:bold}.note{font-size:11px;fill:#5a6675}"
    ".folder{fill:#dbe9f9;stroke:#5b86b8}.file{fill:#fff;stroke:#9aa7b5}"
    ".arrow{stroke:#5a6675;fill:none}.frame{stroke:#5b86b8;stroke-dasharray:4 3;fill:none}"
)


@dataclass(frozen=True)
class Panel:
    """One column: its title and its layers, the highest first."""

    title: str
    layers: list[list[str]]

    @property
    def width(self) -> int:
        return max(sum(box_width(name) + GAP for name in layer) - GAP for layer in self.layers)

    @property
    def height(self) -> int:
        return ROW * len(self.layers)


def box_width(name: str) -> int:
    return round(len(name) * LETTER) + 2 * PADDING


def panels() -> list[Panel]:
    """The layers of the contracts, as they stand in ``setup.cfg``."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    found = []
    for contract, title in PANELS:
        lines = config[f"importlinter:contract:{contract}"]["layers"].split("\n")
        found.append(Panel(title, [line.split(" | ") for line in lines if line.strip()]))
    return found


def draw() -> str:
    """The picture as SVG."""
    package, *folders = panels()
    drawn = _panel(package, MARGIN, MARGIN)
    right, top = MARGIN + package.width + 90, MARGIN
    for folder in folders:
        drawn += _panel(folder, right, top)
        first, last = top + TITLE - GAP, top + TITLE + folder.height - ROW + BOX + GAP
        drawn.append(
            f'<rect class="frame" x="{right - GAP}" y="{first}" width="{folder.width + 2 * GAP}" '
            f'height="{last - first}" rx="6"/>'
        )
        name = folder.title.rpartition(".")[2]
        row = next(number for number, layer in enumerate(package.layers) if name in layer)
        start = MARGIN + sum(box_width(each) + GAP for each in package.layers[row]) - GAP
        y = MARGIN + TITLE + row * ROW + BOX // 2
        drawn.append(f'<path class="frame" d="M{start} {y}L{right - GAP} {min(max(y, first), last)}"/>')
        top = last + 2 * MARGIN
    bottom = max(MARGIN + TITLE + package.height, top)
    notes = (
        "An arrow means: the upper layer may import every layer below it. Boxes of one layer do not import each other.",
        "Blue boxes are folders, white boxes are files. A dashed frame shows a folder from inside.",
    )
    for number, note in enumerate(notes):
        drawn.append(f'<text class="note" x="{MARGIN}" y="{bottom + 16 * number}">{escape(note)}</text>')
    width = right + max(folder.width for folder in folders) + MARGIN
    height = bottom + 16 * len(notes)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#5a6675"/></marker></defs>'
    )
    background = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", marker, background, *drawn, "</svg>\n"])


def _panel(panel: Panel, x: int, y: int) -> list[str]:
    """Title, boxes and arrows of one package, with its upper left corner at ``x`` and ``y``."""
    drawn = [f'<text class="title" x="{x}" y="{y + 6}">{escape(panel.title)}</text>']
    for number, layer in enumerate(panel.layers):
        top, left = y + TITLE + number * ROW, x
        for name in layer:
            drawn.append(_box(panel.title, name, left, top))
            left += box_width(name) + GAP
        if number + 1 < len(panel.layers):
            drawn.append(
                f'<path class="arrow" d="M{x + 14} {top + BOX}L{x + 14} {top + ROW}" marker-end="url(#head)"/>'
            )
    return drawn


def _box(package: str, name: str, x: int, y: int) -> str:
    is_folder = (ROOT / package.replace(".", "/") / name).is_dir()
    size = f'width="{box_width(name)}" height="{BOX}"'
    box = f'<rect class="{"folder" if is_folder else "file"}" x="{x}" y="{y}" {size} rx="4"/>'
    return f'{box}<text x="{x + PADDING}" y="{y + 17}">{escape(name)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw())
