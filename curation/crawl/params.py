"""How pages are read: the options of kind crawl."""

from dataclasses import dataclass
from typing import Literal

Engine = Literal["auto", "resiliparse", "trafilatura", "union"]


@dataclass(frozen=True)
class CrawlParams:
    """What a manifest may say under a crawl source's `read:`."""

    engine: Engine = "auto"
    """What turns HTML into text: `resiliparse` (fast), `trafilatura` (careful, slow), `union` (both), or `auto`
    (resiliparse's speed, its boilerplate lines removed by a small model)."""
    markdown: bool = False
    """Whether headings, emphasis, lists, tables and code are written as light Markdown."""
    max_page_seconds: float = 10.0
    """Processor time that one page may take, in seconds; beyond it the page is cut off and counted."""
    max_page_mb: int = 2048
    """Memory that extracting one page may take, in MB; beyond it the page is cut off and counted."""

    def __post_init__(self) -> None:
        if not self.max_page_seconds > 0:
            raise ValueError(f"max_page_seconds is {self.max_page_seconds}; give a number of seconds above 0")
        if self.max_page_mb < 256:
            raise ValueError(f"max_page_mb is {self.max_page_mb}; a page needs 256 MB or more to be parsed at all")
