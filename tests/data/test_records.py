import pickle

import numpy as np
import pytest
from samples import eye

from jaxseg.data.records import Record, Records


def record(i):
    image, mask, fov = eye(i)
    return Record(f"r{i}", image, mask, fov, None, f"g{i // 2}")


def test_records_are_read_when_asked_for_and_not_before():
    asked = []

    def read(place):
        asked.append(place)
        return record(place)

    records = Records(read, [f"r{i}" for i in range(5)])
    chosen = records.take([4, 1, 3])
    assert (len(chosen), chosen.ids) == (3, ("r4", "r1", "r3"))
    assert asked == []
    assert chosen[1].id == "r1"
    assert [r.id for r in chosen.take([2, 0])] == ["r3", "r4"]
    assert asked == [1, 3, 4]


def test_sizes_are_taken_where_known_and_read_where_not():
    sizes = [(10 + i, 20) for i in range(3)]
    known = Records(lambda place: record(place), "abc", sizes).take([2, 0])
    assert known.sizes == ((12, 20), (10, 20))
    read = Records.of([Record(str(h), *eye(0, h, 44), None, "") for h in (40, 50)])
    assert read[::-1].sizes == ((50, 44), (40, 44))


def test_records_index_like_a_sequence():
    records = Records.of([record(i) for i in range(4)])
    assert records[-1].id == "r3"
    assert records[1:3].ids == ("r1", "r2")
    assert [r.id for r in records] == list(records.ids)
    with pytest.raises(IndexError):
        records[4]


def test_records_travel_to_worker_processes():
    records = Records.of([record(i) for i in range(3)]).take([2, 0])
    again = pickle.loads(pickle.dumps(records))
    np.testing.assert_array_equal(again[0].image, records[0].image)
    assert again.ids == records.ids
