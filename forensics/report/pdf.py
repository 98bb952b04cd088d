"""Writes `report.pdf`: the page of the report on paper, without a network."""

from __future__ import annotations

import logging
from pathlib import Path

from PIL import ImageFile

from forensics.errors import UsageFault
from forensics.report.html import render_html
from forensics.report.model import Report

FILE_NAME = "report.pdf"
NOT_INSTALLED = (
    f"{FILE_NAME}: the package weasyprint is not installed; pip install 'face-video-forensics[pdf]'"
)
NO_PANGO = (
    f"{FILE_NAME}: weasyprint finds no system library Pango ({{cause}}); install it, on Debian by "
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0"
)


def check_pdf() -> None:
    """Raise UsageFault where weasyprint or the Pango it needs is not installed."""
    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        import weasyprint  # noqa: F401
    except ImportError as error:
        raise UsageFault(NOT_INSTALLED) from error
    except OSError as error:
        raise UsageFault(NO_PANGO.format(cause=" ".join(str(error).split())[:120])) from error
    finally:
        # Its import tells Pillow to fill up broken pictures, evidence too, for the whole process.
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def write_pdf(report: Report, folder: Path) -> Path:
    """The charts stand still and what opens by a click is left out. Raises UsageFault as `check_pdf` does."""
    check_pdf()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    # It tells of each rule of the style sheet that paper has no use for.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    path = folder / FILE_NAME
    # Nothing may be fetched: every picture is in the page.
    fetcher = URLFetcher(allowed_protocols=("data",))
    page = HTML(string=render_html(report, printed=True), url_fetcher=fetcher)
    path.write_bytes(page.write_pdf())
    return path
