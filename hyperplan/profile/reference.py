"""The reference: what the training data of a model looked like, in its order."""

import msgspec

from hyperplan.profile.feature import Count
from hyperplan.profile.profile import FORMAT, Profile


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The time-ordered series of profiles of the training data of a model.

    `made_at` is in seconds since 1970. `series` cuts the data into chunks, in its own order or by a column of times:
    data that changed while it was collected shows in it, and how far equal data differ by chance. `spans` says of each chunk from
    when to when its rows are, in nanoseconds since 1970, the last included; it is empty where the data does not tell.
    """

    format: int = FORMAT
    endpoint: str
    model: str
    made_at: float
    rows: Count
    series: list[Profile]
    spans: list[tuple[int, int]] = []

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"a reference of format {self.format}; this version reads format {FORMAT}")
        if self.rows != sum(profile.rows for profile in self.series):
            raise ValueError("the rows of a reference are not those of its profiles")
        if self.spans and len(self.spans) != len(self.series):
            raise ValueError("a reference must say of all of its profiles when their rows are, or of none")

    def merged(self) -> Profile:
        """The profile of all the training data."""
        return Profile.merged(self.series)

    def encode(self) -> bytes:
        """The reference as msgpack."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def decode(data: bytes) -> "Reference":
        """Read a reference that `encode` wrote.

        Raises:
            ValueError: it is no reference, or of a format that this version does not know.
        """
        try:
            return _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"not a reference: {error}") from None


_DECODER = msgspec.msgpack.Decoder(Reference)
