"""Sets a paper: words come in, a PDF goes out. Run as a program of its own, which ends with the page it made.

It has no database, no keys and no environment, so what it was told is gone when it ends. Standard input is one JSON
object of file names and texts (base64), `main.typ` among them; standard output is the PDF.
"""

import base64
import json
import sys
from pathlib import Path

import typst

TYPEFACES = Path(__file__).parent / "typefaces"


def press(files: dict[str, bytes]) -> bytes:
    """Return the PDF of a Typst source and the files beside it, tagged for screen readers (PDF/UA-1)."""
    return typst.compile(
        files, font_paths=[str(TYPEFACES)], ignore_system_fonts=True, format="pdf", pdf_standards=["ua-1"]
    )


if __name__ == "__main__":
    told = json.load(sys.stdin.buffer)
    sys.stdout.buffer.write(press({name: base64.b64decode(text) for name, text in told.items()}))
