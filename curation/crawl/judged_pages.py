"""`extracted_page`, for child processes, with all loaded that the content model takes.

Compiled code takes a second to load and a hundred megabytes, which must not count against the limits of the first page.
"""

from gristmill.curation.crawl import extracted_page
from gristmill.curation.crawl.html import extract

__all__ = ["extracted_page"]

extract("<p>" + "All parts have been run once when the first page comes. " * 9)
