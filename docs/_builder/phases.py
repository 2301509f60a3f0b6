"""
The phases of a recognition as a drawing, from the table of the machine.

What is an edge, and of what kind, comes from `TRANSITIONS`; here is only where things are. A phase
or an edge without a place, or a place without an edge, is an error of the build.

    python docs/_builder/phases.py    # writes docs/phases.svg

The site draws it again, into the page, so that it has the colors of the theme; the file is for code
hosts. If the file is not what the table says, the build fails.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple, get_args

from docutils import nodes
from msgspec import Struct
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.logging import getLogger

from paraformer_async._core.messages import Command, Event
from paraformer_async._core.protocol import ENDS, TRANSITIONS, Move, Phase

HERE = "docs/_builder/phases.py"
FILE = Path(__file__).parents[1] / "phases.svg"
STYLE = Path(__file__).with_suffix(".css")
WIDTH, HEIGHT = 790, 572
SVG = 'class="phases" xmlns="http://www.w3.org/2000/svg"'
ABOUT = "The phases of a recognition, and what leads from one to the next"
HALF_WIDTH, HALF_HEIGHT = 54, 22  # of a phase


_logger = getLogger(__name__)


class Frame(NamedTuple):
    """Several phases with common edges, and the corners of the box around them."""

    name: str
    phases: frozenset[Phase]
    box: tuple[int, int, int, int]


class Route(NamedTuple):
    """The path of an edge, and where its label begins, centers or ends."""

    path: str
    x: int
    y: int
    anchor: str = "middle"


TASK = Frame(
    "a task on its connection",
    frozenset({Phase.IDLE, Phase.STARTING, Phase.RUNNING, Phase.FINISHING}),
    (196, 74, 560, 380),
)
BEGUN = Frame(
    "has had a connection, or tried to", frozenset(Phase) - {*ENDS, Phase.NEW}, (142, 42, 576, 506)
)
OPEN = Frame("has not ended", frozenset(Phase) - {*ENDS}, (10, 10, 592, 522))
FRAMES = (OPEN, BEGUN, TASK)

PLACES = {
    Phase.NEW: (72, 136),
    Phase.IDLE: (276, 136),
    Phase.STARTING: (486, 136),
    Phase.RUNNING: (486, 272),
    Phase.FINISHING: (276, 272),
    Phase.WAITING: (276, 444),
    Phase.FAILED: (486, 444),
    Phase.DONE: (726, 136),
    Phase.GIVEN_UP: (726, 444),
}
ROUTES: dict[tuple[Phase | Frame, Phase], Route] = {
    (Phase.NEW, Phase.IDLE): Route("M126 136 H222", 132, 128, "start"),
    (Phase.WAITING, Phase.IDLE): Route("M250 422 V400 H168 V136", 178, 396, "start"),
    (Phase.IDLE, Phase.STARTING): Route("M330 136 H432", 381, 128),
    (Phase.STARTING, Phase.RUNNING): Route("M486 158 V250", 478, 208, "end"),
    (Phase.RUNNING, Phase.FINISHING): Route("M432 272 H330", 381, 264),
    (Phase.FINISHING, Phase.IDLE): Route("M276 250 V158", 284, 208, "start"),
    (Phase.RUNNING, Phase.RUNNING): Route("M466 294 C456 326 516 326 506 294", 486, 334),
    (Phase.FINISHING, Phase.FINISHING): Route("M256 294 C246 326 306 326 296 294", 276, 334),
    (TASK, Phase.FAILED): Route("M486 380 V422", 494, 405, "start"),
    (Phase.FAILED, Phase.FAILED): Route("M466 466 C456 498 516 498 506 466", 462, 490, "end"),
    (OPEN, Phase.WAITING): Route("M10 444 H222", 18, 436, "start"),
    (BEGUN, Phase.DONE): Route("M576 136 H672", 632, 128),
    (OPEN, Phase.GIVEN_UP): Route("M592 444 H672", 632, 436),
}
LEGEND = (
    ("client", "sent by the client"),
    ("service", "sent by the service"),
    ("move", "decided by the machine"),
)


def edges() -> dict[tuple[Phase | Frame, Phase], list[type[Struct] | Move]]:
    """
    Return what leads from a phase to another one, or to itself.

    Transitions that all phases of a frame share are one edge of the frame.
    """
    sources: dict[tuple[type[Struct] | Move, Phase], set[Phase]] = defaultdict(set)
    for (phase, cause), after in TRANSITIONS.items():
        sources[cause, after].add(phase)
    found: dict[tuple[Phase | Frame, Phase], list[type[Struct] | Move]] = defaultdict(list)
    for (cause, after), phases in sources.items():
        shared = [one for one in FRAMES if one.phases in (phases, phases - {after})]
        for frame in shared[:1]:
            found[frame, after].append(cause)
        single = phases.difference(*(frame.phases for frame in shared[:1]))
        for phase in sorted(single, key=list(Phase).index):
            found[phase, after].append(cause)
    return found


def kind(cause: type[Struct] | Move) -> str:
    """Return who causes a transition."""
    if isinstance(cause, Move):
        return "move"
    if cause in get_args(Command):
        return "client"
    assert cause in get_args(Event)
    return "service"


def label(cause: type[Struct] | Move) -> str:
    """Return the name of what causes a transition."""
    if isinstance(cause, Move):
        return cause.name.lower().replace("_", " ")
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cause.__name__).lower()


def drawing() -> str:
    """Return the drawing as SVG."""
    found = edges()
    if found.keys() != ROUTES.keys() or set(PLACES) != set(Phase):
        odd = [*(found.keys() ^ ROUTES.keys()), *(set(PLACES) ^ set(Phase))]
        raise LookupError(f"in the table of phases or among the places here, but not both: {odd}")
    lines = [
        f'<svg {SVG} viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{ABOUT}">',
        f"<style>{STYLE.read_text('utf-8').strip()}</style>",
        "<defs>",
        *(
            f'<marker id="phases-{one}" class="{one}" viewBox="0 0 8 8" refX="7" refY="4" '
            'markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0.5 L8 4 L0 7.5 Z"/>'
            "</marker>"
            for one in (*dict(LEGEND), "both")
        ),
        "</defs>",
        *map(framed, FRAMES),
    ]
    for ends, causes in found.items():
        lines += edge(ROUTES[ends], causes, is_shared=isinstance(ends[0], Frame))
    lines += [node(phase, *place) for phase, place in PLACES.items()]
    for number, (one, text) in enumerate(LEGEND):
        x = 24 + number * 190
        lines.append(f'<path class="edge {one}" d="M{x} 550 H{x + 36}" {arrow(one)}/>')
        lines.append(f'<text class="legend" x="{x + 46}" y="554">{text}</text>')
    return "\n".join([*lines, "</svg>", ""])


def framed(frame: Frame) -> str:
    """Return the box of a frame, with its name."""
    left, top, right, bottom = frame.box
    size = f'width="{right - left}" height="{bottom - top}"'
    return (
        f'<rect class="frame" x="{left}" y="{top}" {size} rx="10"/>'
        f'<text class="name" x="{left + 12}" y="{top + 20}">{frame.name}</text>'
    )


def edge(route: Route, causes: list[type[Struct] | Move], *, is_shared: bool) -> list[str]:
    """Return the lines of an edge; that of a frame begins with a dot on its border."""
    (one, *others) = {kind(cause): None for cause in causes}
    color = one if not others else "both"
    lines = [f'<path class="edge {color}" d="{route.path}" {arrow(color)}/>']
    if is_shared:
        x, y = route.path[1:].split(" ")[:2]
        y = y.strip("HV")
        lines.append(f'<circle class="{color}" cx="{x}" cy="{y}" r="3.5"/>')
    place = f'x="{route.x}" y="{route.y}" text-anchor="{route.anchor}"'
    rows = "".join(
        f'<tspan class="{kind(cause)}" x="{route.x}" dy="{15 if number else 0}">{label(cause)}'
        "</tspan>"
        for number, cause in enumerate(causes)
    )
    return [*lines, f"<text {place}>{rows}</text>"]


def arrow(color: str) -> str:
    """Return the head of an edge."""
    return f'marker-end="url(#phases-{color})"'


def node(phase: Phase, x: int, y: int) -> str:
    """Return a phase."""
    size = f'width="{2 * HALF_WIDTH}" height="{2 * HALF_HEIGHT}"'
    shape = "phase end" if phase in ENDS else "phase"
    name = phase.name.replace("_", " ")
    return (
        f'<rect class="{shape}" x="{x - HALF_WIDTH}" y="{y - HALF_HEIGHT}" {size} rx="8"/>'
        f'<text class="title" x="{x}" y="{y + 5}" text-anchor="middle">{name}</text>'
    )


class Drawing(SphinxTransform):
    """Replaces the image by what is drawn, so that its colors are those of the theme."""

    default_priority = 200

    def apply(self) -> None:
        """Draw it, and compare it with the file."""
        for image in list(self.document.findall(nodes.image)):
            if image["uri"] != FILE.name:
                continue
            try:
                drawn = drawing()
            except LookupError as error:
                _logger.warning("%s: %s", HERE, error, location=image)
                continue
            if drawn != FILE.read_text("utf-8"):
                _logger.warning("%s is out of step: run %s", FILE.name, HERE, location=image)
            image.replace_self(nodes.raw("", drawn, format="html"))


def setup(app: Sphinx) -> None:
    """Add the transform."""
    app.add_transform(Drawing)


if __name__ == "__main__":
    FILE.write_text(drawing(), "utf-8")
