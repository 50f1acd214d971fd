"""The field: an installable page for phones, and what it sends.

Reads   the store
Gives   pages
Knows   nothing yet
Start   at `router`
"""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
