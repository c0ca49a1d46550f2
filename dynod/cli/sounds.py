"""Three sounds: begin, accepted, refused. Tones where the machine can play, else the bell."""

import io
import math
import shutil
import struct
import subprocess
import sys
import wave

_RATE_HZ = 16000
# Frequency in Hz and duration in s of each tone: one, rising, falling.
_TUNES = {
    "begin": ((880.0, 0.12),),
    "accepted": ((660.0, 0.1), (990.0, 0.16)),
    "refused": ((440.0, 0.18), (220.0, 0.3)),
}
_BELLS = {"begin": 1, "accepted": 2, "refused": 3}


def play(name: str) -> None:
    """Play a sound without waiting for its end."""
    player = shutil.which("aplay")
    if player is None:
        sys.stderr.write("\a" * _BELLS[name])
        sys.stderr.flush()
        return
    process = subprocess.Popen(  # noqa: S603 - a program of the system, no input of others
        [player, "-q", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if process.stdin is not None:
        process.stdin.write(tune(name))
        process.stdin.close()


def tune(name: str) -> bytes:
    """Return a sound as a WAV file."""
    frames = bytearray()
    for hertz, seconds in _TUNES[name]:
        for index in range(int(seconds * _RATE_HZ)):
            level = math.sin(2.0 * math.pi * hertz * index / _RATE_HZ)
            frames += struct.pack("<h", int(12000 * level))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        file.writeframes(bytes(frames))
    return buffer.getvalue()
