"""Signatures for autodoc: short ones, and types without their modules."""

import re
from collections.abc import Mapping
from ssl import SSLContext

from sphinx.application import Sphinx

from paraformer_async import AsyncRecognizer
from paraformer_async._net import contract
from paraformer_async.middleware import Middleware
from paraformer_async.options import options as options_module
from paraformer_async.options.options import Options

MODULES = re.compile(r"~(?:\w+\.)+|\b(?:collections\.abc|typing)\.")
SHORT: Mapping[object, str] = {
    AsyncRecognizer: "(model='paraformer-realtime-v2', *, **options)",
    Options: "(*, **options)",
}


def setup(app: Sphinx) -> None:
    """Change each signature, and define what only type checkers import."""
    for module in (contract, options_module):
        vars(module).update(SSLContext=SSLContext, Middleware=Middleware)
    app.connect("autodoc-process-signature", shorten)


def shorten(
    app: Sphinx, what: str, name: str, obj: object, options: object, given: str, returned: str
) -> tuple[str, str] | None:
    """Return a signature without the options, which have a page of their own."""
    if what == "class" and obj in SHORT:
        return SHORT[obj], returned
    if given and what == "class":
        return python(given), returned
    return None


def python(signature: str) -> str:
    """Return a signature without what msgspec's defaults look like, and without modules."""
    text = re.sub(r" ?= ?<factory>", " = ...", signature)
    text = re.sub(r"<(?:function|class) '?(?:\w+\.)*(\w+)[^>]*>", r"\1", text)
    return MODULES.sub("", text)
