"""The treaty desk: registry, deadlines, Article 7 drafts.

Reads   the store
Gives   pages
Knows   nothing yet
Start   at `router`
"""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
