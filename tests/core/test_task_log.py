"""The log of a recognition."""

import logging

import pytest

from paraformer_async._core.task_log import TaskLog

pytestmark = pytest.mark.usefixtures("everything")


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> None:
    """Log everything."""
    caplog.set_level(logging.DEBUG, "paraformer_async.recognition")


def test_lines_have_the_ids(caplog: pytest.LogCaptureFixture) -> None:
    """A line begins with the id of the recognition, and that of the task once that is another."""
    log = TaskLog()
    log.warning("of %d", 0)
    log.recognition = "a1"
    log.warning("of %d", 1)
    log.request_id = "a1"
    log.info("of %d", 2)
    log.request_id = "b2"
    log.debug("of %d", 3)

    assert ["of 0", "[a1] of 1", "[a1] of 2", "[a1 task b2] of 3"] == caplog.messages


def test_records_have_the_ids_as_attributes(caplog: pytest.LogCaptureFixture) -> None:
    """A formatter that writes fields finds the ids on the record, before the first task, too."""
    log = TaskLog()
    log.recognition = "a1"
    log.warning("no task yet")
    log.request_id = "b2"
    log.warning("the second task")

    found = [(vars(one)["recognition"], vars(one)["request_id"]) for one in caplog.records]
    assert [("a1", "a1"), ("a1", "b2")] == found


def test_each_kind_is_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    """Of each kind there is one warning for all recognitions that share a log; others are DEBUG."""
    kinds: set[str] = set()
    for log in (TaskLog(kinds), TaskLog(kinds)):
        for kind in ("one", "two", "one"):
            log.once(kind, "of kind %s", kind)

    warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert ["of kind one", "of kind two"] == warned
    assert 6 == len(caplog.records)


def test_kinds_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A service that invents kinds without end fills neither the log nor the memory."""
    kinds: set[str] = set()
    log = TaskLog(kinds)
    for number in range(1000):
        log.once(str(number), "another one")

    assert 100 == len(kinds) == len([one for one in caplog.records if one.levelname == "WARNING"])
