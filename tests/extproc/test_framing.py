"""Frames in a file: whatever happens to the bytes, what is read is what was written, and damage stays where it is."""

from hypothesis import given
from hypothesis import strategies as st

from extproc.telemetry.framing import HEAD, MARK, pack, unpack

SALT = 0xDEADBEEF

salts = st.integers(0, 2**32 - 1)
payloads = st.binary(max_size=40) | st.binary(max_size=20).map(lambda data: MARK + data + MARK)
files = st.lists(payloads, max_size=8)


def is_in_order(some: list[bytes], whole: list[bytes]) -> bool:
    """Whether some are of the whole, in its order."""
    rest = iter(whole)
    return all(payload in rest for payload in some)


@given(files, salts)
def test_what_was_packed_is_unpacked_in_order(written: list[bytes], salt: int) -> None:
    data = b"".join(pack(payload, salt) for payload in written)
    assert unpack(data, salt) == (written, 0)
    assert len(data) == sum(HEAD + len(payload) for payload in written)


@given(files, st.data())
def test_of_a_file_that_was_cut_every_whole_frame_is_read_and_the_torn_one_is_counted(
    written: list[bytes], data: st.DataObject
) -> None:
    frames = [pack(payload, SALT) for payload in written]
    file = b"".join(frames)
    cut = data.draw(st.integers(0, len(file)))
    ends = [sum(map(len, frames[: count + 1])) for count in range(len(frames))]
    whole = sum(end <= cut for end in ends)
    assert unpack(file[:cut], SALT) == (written[:whole], int(cut not in (0, *ends)))


@given(st.lists(payloads, min_size=1, max_size=8), st.integers(1, 255), st.data())
def test_a_damaged_byte_costs_the_frame_it_is_in_and_no_other(
    written: list[bytes], flip: int, data: st.DataObject
) -> None:
    victim = data.draw(st.integers(0, len(written) - 1))
    frames = [bytearray(pack(payload, SALT)) for payload in written]
    frames[victim][data.draw(st.integers(0, len(frames[victim]) - 1))] ^= flip
    assert unpack(b"".join(frames), SALT) == (written[:victim] + written[victim + 1 :], 1)


@given(st.lists(payloads, min_size=1, max_size=8), st.data())
def test_bytes_that_went_missing_or_came_in_never_make_a_frame_that_was_not_written(
    written: list[bytes], data: st.DataObject
) -> None:
    file = b"".join(pack(payload, SALT) for payload in written)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(file))] * 2)))
    read, damaged = unpack(file[:start] + data.draw(st.binary(max_size=30)) + file[end:], SALT)
    assert is_in_order(read, written)
    assert len(read) + damaged <= len(written) + 1


@given(st.binary(max_size=200) | payloads.map(lambda payload: pack(payload, SALT + 1)))
def test_what_nobody_packed_with_this_salt_is_no_frame(data: bytes) -> None:
    assert unpack(data, SALT) == ([], int(len(data) > 0))


def test_a_frame_inside_a_damaged_payload_is_not_taken_for_one() -> None:
    """A client may send what looks like frames; it cannot know the salt."""
    inner = b"".join(pack(b"forged", salt) for salt in (0, 1, SALT ^ 1))
    outer = bytearray(pack(inner, SALT))
    outer[4] ^= 1  # its length
    assert unpack(bytes(outer) + pack(b"next", SALT), SALT) == ([b"next"], 1)
