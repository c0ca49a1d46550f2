"""Whether a reading of a guided check can be the zero, or the load, that was asked for.

A doubt is a mishap of the hand, which is repeated; a unit that is off is a check that fails.
"""

from dynod.model.clinical import Kind

_NONE = 0.1  # of the load: less is no load at all
_FAR = 0.3  # of the load: further off are other weights; a unit that broken needs no check
_FAR_DEG = 10.0


def doubt_of_zero(kind: Kind, zero: float, reference: float) -> str | None:
    """Return why a zero in N (or deg) is hardly one, the load being ``reference``; else None."""
    if kind is Kind.ANGLE:
        if abs(zero) <= _FAR_DEG:
            return None
        return f"it shows {zero:.1f}°: lay it level first"
    if abs(zero) <= 0.5 * abs(reference):
        return None
    return f"it shows {zero:.1f} N: is the weight on already? The zero comes first, take it off"


def doubt_of_load(kind: Kind, result: float, reference: float) -> str | None:
    """Return why a result in N (or deg), zero off, is hardly that of the reference; else None."""
    unit = "°" if kind is Kind.ANGLE else " N"
    if kind is Kind.FORCE and abs(result) < _NONE * abs(reference):
        return f"it shows {result:.1f} N: the weight is not on it, or was taken off too early"
    far = _FAR_DEG if kind is Kind.ANGLE else _FAR * abs(reference)
    if abs(result - reference) <= far:
        return None
    said = f"it shows {result:.1f}{unit} where {reference:.6g}{unit} is expected"
    if abs(result + reference) <= far:
        way = "tilt it the other way" if kind is Kind.ANGLE else "it is pulled where it is pushed"
        return f"{said}: {way}"
    return f"{said}: is it the right {'pose' if kind is Kind.ANGLE else 'weight'}?"
