"""What reading a place's definitions comes to: one blob that a manager loads without parsing any
text of people's.
"""

from __future__ import annotations

import msgspec

from stoker.errors import Mistake, Place, ProtocolError

from .definition import Definition
from .settings import Settings

__all__ = ["Compiled", "Mistaken", "decode_compiled", "encode_compiled"]

_VERSION = 1


class Mistaken(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `stoker.errors.Mistake` as plain data. `fmri`: the instances that it keeps from being
    loaded, with blanks between.
    """

    message: str
    file: str | None = None
    line: int | None = None
    key: str | None = None
    hint: str = ""
    level: str = "error"
    fmri: str = ""

    @classmethod
    def of(cls, mistake: Mistake, fmri: str = "") -> Mistaken:
        """The same, from the error tree's type."""
        place = mistake.place
        return cls(
            mistake.message, place.file, place.line, place.key, mistake.hint, mistake.level, fmri
        )

    def mistake(self) -> Mistake:
        """The same, as the error tree's type, whose text is what people read."""
        return Mistake(self.message, Place(self.file, self.line, self.key), self.hint, self.level)

    def __str__(self) -> str:
        return str(self.mistake())


class Compiled(msgspec.Struct):
    """All definitions of a place in a stable order, every mistake, what was ignored as (path, why),
    and the settings.

    `kept`: FMRIs whose file has a mistake now (or vanished with its directory): a running one goes
    on as it is. `milestone`: the instance that everything else must be needed by to be up, "none",
    or "" for no such bound.
    """

    version: int = _VERSION
    definitions: list[Definition] = []
    mistakes: list[Mistaken] = []
    ignored: list[tuple[str, str]] = []
    settings: Settings = Settings()
    kept: list[str] = []
    milestone: str = ""

    @property
    def errors(self) -> list[Mistaken]:
        """The mistakes that keep something from being loaded."""
        return [one for one in self.mistakes if one.level == "error"]


_encoder = msgspec.msgpack.Encoder()


def encode_compiled(compiled: Compiled) -> bytes:
    """The blob of RUN/definitions."""
    return _encoder.encode(compiled)


def decode_compiled(blob: bytes) -> Compiled:
    """The inverse. Raises ProtocolError when it is damaged or of another version."""
    try:
        found = msgspec.msgpack.decode(blob, type=Compiled)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise ProtocolError(
            f"the compiled definitions cannot be read: {wrong}",
            hint="`stoker reload` writes them again",
        ) from None
    if found.version != _VERSION:
        raise ProtocolError(
            f"the compiled definitions are of version {found.version}, not {_VERSION}",
            hint="`stoker reload` writes them again",
        )
    return found
