"""The record of two processes that chapter 31 shows: how it is made, and that it is plausible."""

import json

import pytest

from book.tools import measure_scaling


def looked_at(record):
    """A record has what the chapter reads, and times that can be."""
    assert set(record) == {"machine", "date", "torch", "calls", "all_reduce", "gradients", "steps"}
    assert [size for size, _ in record["all_reduce"]] == measure_scaling.BYTES
    assert all(1e-6 < seconds < 5 for _, seconds in record["all_reduce"])
    assert record["all_reduce"][-1][1] > record["all_reduce"][0][1]
    assert [batch for batch, _, _ in record["steps"]] == measure_scaling.BATCHES
    assert all(1e-4 < seconds < 10 for _, *both in record["steps"] for seconds in both)
    assert record["gradients"] == 4 * 116_938


def test_the_record_is_complete():
    looked_at(json.loads(measure_scaling.RECORD.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_the_record_can_be_made_again():
    record = measure_scaling.measure("here", calls=3)
    assert (record["machine"], record["calls"]) == ("here", 3)
    looked_at(record)
