"""
The directive `options`: an entry for each option of a recognition, from the code alone.

The text is that of the docstring of `AsyncRecognizer`, the type that of `Overrides`, the default
that of the signature. What is allowed is what the check of the option says when it refuses a value.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from paraformer_async import AsyncRecognizer, InvalidOptionError
from paraformer_async.options.connection import CHECKS
from paraformer_async.options.models import MODELS, taking
from paraformer_async.options.options import CHANGEABLE, Overrides
from paraformer_async.options.parameters import PARAMETERS
from paraformer_async.sync.recognizer import RecognizerOptions

NONE = ast.Constant(None)
QUOTE = "'"  # around annotations that only type checkers evaluate


def setup(app: Sphinx) -> None:
    """Add the directive."""
    app.add_directive("options", OptionsDirective)


class OptionsDirective(SphinxDirective):
    """`.. options::`, without arguments or content."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each group of options."""
        self.env.note_dependency(inspect.getfile(AsyncRecognizer))
        text = "\n".join(line for group in groups() for line in described(*group))
        sections = self.parse_text_to_nodes(text, allow_section_headings=True)
        for section in sections:
            for owner in list(section.findall(addnodes.desc_addname)):
                owner.parent.remove(owner)  # the same for all
        return sections


def groups() -> Iterator[tuple[str, list[ast.arg]]]:
    """Yield the groups of the arguments of `AsyncRecognizer`, which comments name."""
    source = textwrap.dedent(inspect.getsource(AsyncRecognizer.__init__))
    arguments = signature()
    headings = [
        (number, line.strip("# "))
        for number, line in enumerate(source.splitlines(), 1)
        if re.fullmatch(r" {4}# \w+", line)
    ]
    assert headings, "AsyncRecognizer.__init__ has no comments that group its arguments"
    limits = [0, *(number for number, _ in headings[1:]), len(source)]
    for (_, name), first, last in zip(headings, limits, limits[1:], strict=False):
        yield name, [one for one in arguments if first <= one.lineno < last]


def signature() -> dict[ast.arg, str]:
    """Return the arguments of `AsyncRecognizer` with the text of their defaults."""
    source = textwrap.dedent(inspect.getsource(AsyncRecognizer.__init__))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    given = function.args
    every = dict(zip(given.args[1:], given.defaults, strict=True))
    every |= dict(zip(given.kwonlyargs, given.kw_defaults, strict=True))
    return {argument: ast.unparse(default) for argument, default in every.items() if default}


def texts() -> dict[str, str]:
    """Return what the docstring of `AsyncRecognizer` says about each of its arguments."""
    docstring = inspect.getdoc(AsyncRecognizer) or ""
    section = docstring.partition("\nArgs:\n")[2].partition("\nRaises:\n")[0]
    parts = re.split(r"^    (\w+): ", section, flags=re.MULTILINE)[1:]
    return {
        name: re.sub(r"\s+", " ", text).strip()
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def described(group: str, arguments: list[ast.arg]) -> Iterator[str]:
    """Yield the lines of a section."""
    yield from ("", group, "-" * len(group), "")
    for argument in arguments:
        name = argument.arg
        owner = Overrides if name in Overrides.__annotations__ else RecognizerOptions
        yield f".. py:attribute:: {owner.__module__}.{owner.__name__}.{name}"
        yield f"   :type: {ast.unparse(argument.annotation or NONE).strip(QUOTE)}"
        yield from ("", f"   {text_of(name)}", "")
        for field, value in facts(argument):
            yield f"   :{field}: {value}"
        yield ""


def text_of(name: str) -> str:
    """Return the text about an option, without the default, which has its own field."""
    text = re.sub(r" Default: .*$", "", texts()[name])
    return re.sub(r"(?<![\w*])\*(\w+)\*", r"``\1``", text)


def facts(argument: ast.arg) -> Iterator[tuple[str, str]]:
    """Yield the fields of an entry: allowed values, default, models, and where it is passed."""
    name = argument.arg
    row = PARAMETERS.get(name)
    if allowed(name):
        yield "Allowed", allowed(name)
    yield "Default", default(argument)
    if row:
        yield "Models", models_taking(name)
    if name not in Overrides.__annotations__:
        yield "For", "the recognizer only"
    elif name in CHANGEABLE:
        yield "For", "the recognizer; one recognition; the rest of a stream, with ``update()``"
    else:
        yield "For", "the recognizer; one recognition"


def default(argument: ast.arg) -> str:
    """Return the default, in words if nothing is sent."""
    name = argument.arg
    row = PARAMETERS.get(name)
    documented = re.search(r" Default: (.*?)\.?$", texts()[name])
    if row and row.default is not None:
        return f"``{row.default}``, by the service: nothing is sent"
    if documented:
        return documented[1].replace("`", "``").replace("*", "``")
    text = next(text for one, text in signature().items() if one.arg == name)
    value = inspect.signature(AsyncRecognizer).parameters[name].default
    return f"``{text if '(' in text else value!r}``"


def models_taking(name: str) -> str:
    """Return the models that take a parameter, or fewer names: those that do not."""
    taken = taking(name)
    others = [model for model in MODELS if model not in taken]
    if not others:
        return "all"
    if len(others) < len(taken):
        return "all but " + ", ".join(f"``{one}``" for one in others)
    return ", ".join(f"``{one}``" for one in taken)


def allowed(name: str) -> str:
    """Return what is allowed, in the words of the check; empty if the check has none."""
    row = PARAMETERS.get(name)
    if row and row.kind.limits:
        return row.kind.limits
    check = row.kind.check_type if row else CHECKS.get(name)
    reason = ""
    for wrong in (Wrong(), "?") if check else ():
        try:
            check(name, wrong)
        except InvalidOptionError as error:
            reason = error.reason
    reason = reason.replace("neither True nor False", "not True or False")
    reason = re.sub(r"^.*?(?:must be|is not one of|is not|is neither) ", "", reason)
    return re.sub(r", (not (Wrong|str)|not empty, without control .*)$", "", reason)


class Wrong:
    """A value that no option has."""

    def __repr__(self) -> str:
        return "…"
