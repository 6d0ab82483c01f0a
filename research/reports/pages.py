"""A report as one HTML file that lies beside a release: headings, charts and tables; no script, nothing fetched."""

from collections.abc import Sequence
from html import escape

from research.reports.figures import Figure

STYLE = """
body { font: 1.125rem/1.55 "Source Sans 3", system-ui, sans-serif; color: #1b2a2f; background: #fbf8f3; margin: 0 auto;
  max-width: 64rem; padding: 1rem; }
h1, h2 { font-family: Literata, Georgia, serif; line-height: 1.2; }
.figure { display: grid; gap: 1.5rem; margin: 0 0 2.5rem; }
@media (min-width: 52rem) { .figure { grid-template-columns: 1fr 1fr; } }
svg { inline-size: 100%; max-inline-size: 32rem; block-size: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: start; vertical-align: top; padding: .35rem .75rem; border-block-end: 1px solid #7c8a8f; }
tbody th { white-space: nowrap; }
td { font-variant-numeric: tabular-nums; }
"""


def page(title: str, figures: Sequence[Figure], *, facts: Sequence[tuple[str, str]] = (), language: str = "en") -> str:
    """Return the whole file. `facts` are words and their numbers, told first."""
    told = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts)
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        + (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}"><table>{told}</table></div>'
            if told
            else ""
        )
        + "".join(map(_section, figures))
        + "</main></body></html>\n"
    )


def _section(figure: Figure) -> str:
    heading = "".join(f"<th scope=col>{escape(cell)}</th>" for cell in figure.heading)
    rows = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in figure.rows
    )
    slug = escape(figure.slug)
    return (
        f'<section><h2 id="{slug}-heading">{escape(figure.title)}</h2>'
        f'<p>{escape(figure.description)}</p><div class="figure"><div>{figure.svg}</div>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{slug}-heading">'
        f"<table><thead><tr>{heading}</tr></thead><tbody>{rows}</tbody></table></div></div></section>"
    )
