"""A secret in every spelling in which a server may repeat it."""

import base64
import json
import urllib.parse

from exchange_fakes import CLIENT_SECRET, REFRESH_TOKEN


def spellings(text: str) -> dict[str, str]:
    """How a server, or a gateway before it, may echo what it was sent."""
    raw = text.encode()
    return {
        "as it is": text,
        "quoted": json.dumps(text),
        "JSON escapes": "".join(f"\\u{ord(c):04x}" for c in text),
        "JSON escapes, twice": "".join(f"\\\\u{ord(c):04X}" for c in text),
        "percent": urllib.parse.quote(text, safe=""),
        "percent, every byte": "".join(f"%{byte:02X}" for byte in raw),
        "percent, twice": "".join(f"%25{byte:02x}" for byte in raw),
        "base64": base64.b64encode(raw).decode(),
        "base64 with a shift": "see " + base64.b64encode(b"x" + raw).decode(),
        "base64, another shift": base64.b64encode(b"xy" + raw).decode(),
        "base64url": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "base64 in lines": "\r\n".join(
            base64.b64encode(raw[i : i + 15]).decode() for i in range(0, len(raw), 15)
        ),
        "base64 in words": " ".join(
            base64.b64encode(raw[i : i + 15]).decode() for i in range(0, len(raw), 15)
        ),
        "base64 with bars": "|".join(base64.b64encode(raw).decode()),
        "every letter escaped": "".join(f"\\{character}" for character in text),
        "hex": raw.hex(),
        "spaced": " ".join(text[i : i + 4] for i in range(0, len(text), 4)),
        "zero width": "\u200b".join(text),
        "cut": text[: len(text) // 2],
        "beheaded": text[len(text) // 2 :],
        "upper case": text.upper(),
    }


REQUEST_BODY = json.dumps(
    {"grant_type": "refresh_token", "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
)
ECHOED = {
    f"{what}, {name}": spelling
    for what, text in (
        ("client secret", CLIENT_SECRET),
        ("refresh token", REFRESH_TOKEN),
        ("request", REQUEST_BODY),
    )
    for name, spelling in spellings(text).items()
}
