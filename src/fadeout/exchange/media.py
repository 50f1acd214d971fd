"""Photos as phones send them: looked at, written anew without what the camera wrote beside the picture.

Reads   the bytes of a JPEG, PNG or WebP picture
Gives   a JPEG that holds the picture alone
Knows   Pillow; the most a photo may hold; nothing of records or of how photos arrive
Start   at `cleaned`
"""

from __future__ import annotations

import warnings
from io import BytesIO

from fadeout.errors import InputRefused, Problem

MOST_BYTES = 12_000_000  # assumed: a phone's full-size JPEG; the field's page sends a tenth of it
MOST_PIXELS = 40_000_000  # assumed: 120 MB of memory while it is open
FORMATS = ("JPEG", "PNG", "WEBP")
QUALITY = 90  # of a JPEG; written twice at that, no difference can be seen (assumed)


def cleaned(raw: bytes) -> bytes:
    """Write a photo anew, upright and without its metadata: no place, no time, no camera, no comment.

    Raises
    ------
    InputRefused
        If it is no picture, or too large.
    """
    from PIL import Image, ImageOps

    if len(raw) > MOST_BYTES:
        raise _refused("photo.too-large", f"the photo has {len(raw):,} bytes", f"send at most {MOST_BYTES:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we count pixels ourselves
            opened = Image.open(BytesIO(raw), formats=FORMATS)
            if opened.width * opened.height > MOST_PIXELS:
                words = f"the photo has {opened.width:,} × {opened.height:,} pixels"
                raise _refused("photo.too-large", words, f"send at most {MOST_PIXELS:,} pixels")
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            picture = Image.new("RGB", upright.size)  # a new one: a copy would carry comments along
            picture.paste(upright.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise _refused(
            "photo.too-large", "the photo has too many pixels", f"send at most {MOST_PIXELS:,}"
        ) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        remedy = "take the photo again, or send the record without it"
        raise _refused(
            "photo.no-picture", "this is no picture that can be opened (JPEG, PNG, WebP)", remedy
        ) from error
    out = BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _refused(code: str, message: str, remedy: str) -> InputRefused:
    return InputRefused([Problem(code, message, remedy)])
