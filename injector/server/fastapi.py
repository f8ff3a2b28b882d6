"""FastAPI without the models of OpenAPI, a third of its import: our apps offer no description of themselves.

`FastAPI.openapi` loads them when it is called.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from injector.light_import import CALLED, stand_ins

_MODELS: Final = "fastapi.openapi.models"


class _PlacesOfKeys:
    """An enumeration of the models, whose members only a scheme of keys asks for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(_MODELS).APIKeyIn, name)


# The flows are made as the default of a parameter; the model that they go to takes a map as well.
_NAMES: Final[dict[str, Any]] = {
    **dict.fromkeys(("APIKey", "Example", "HTTPBase", "HTTPBearer", "OAuth2", "OpenAPI"), CALLED),
    **dict.fromkeys(("OpenIdConnect", "SecurityBase"), CALLED),
    "APIKeyIn": _PlacesOfKeys(),
    "OAuthFlows": dict,
}

with stand_ins({_MODELS: _NAMES}):
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

__all__ = ["FastAPI", "HTMLResponse", "JSONResponse", "PlainTextResponse", "Request", "Response"]
