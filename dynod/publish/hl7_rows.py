"""What a session says in HL7 v2: its observations as rows, before they are OBX segments."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dynod.model.clinical import Side, TestSpec
from dynod.model.deficit import Classification, Deficit
from dynod.model.session import SessionSummary
from dynod.model.trial import ResultStatus, Trial
from dynod.publish.code_map import CodeMap, Concept, test_name
from dynod.publish.hl7_text import CODING_SYSTEMS, NAMESPACE, number, parts
from dynod.publish.sides import METRIC_UNITS, SideOfTest, begun_tests, sides_of

# Table 0085.
FINAL, CORRECTED, WRONG, DELETED, NOT_OBTAINED = "F", "C", "W", "D", "X"
_STATUS = {
    ResultStatus.FINAL: FINAL,
    ResultStatus.AMENDED: CORRECTED,
    ResultStatus.ENTERED_IN_ERROR: WRONG,
}
_ABNORMAL = "A"  # table 0078


@dataclass(frozen=True, slots=True)
class Row:
    """One observation. ``value`` and ``code`` are ready fields, all others are too.

    ``kind`` is the type of the value (NM, SN, CWE, ST), ``group`` the sub-id that keeps the rows of
    one side or one deficit together. ``remarks`` are plain texts.
    """

    code: str
    group: str
    status: str
    when: datetime
    kind: str
    value: str
    unit: str = ""
    abnormal: str = ""
    method: str = ""
    equipment: str = ""
    remarks: tuple[str, ...] = ()


def rows_of(
    summary: SessionSummary,
    trials: Sequence[Trial],
    deficits: Sequence[Deficit],
    codes: CodeMap,
) -> Iterator[Row]:
    """Yield the observations of a session by test: left, right, and how they compare."""
    sides = {(one.test, one.side): one for one in sides_of(summary.session, trials, deficits)}
    for count, test in enumerate(begun_tests(summary.session, trials), 1):
        for place, side in enumerate(Side, 1):
            own = sides.get((test, side))
            group = f"{count}.{place}"
            if own is not None:
                yield from _side_rows(own, group, summary, codes)
            elif summary.revision > 1:  # an earlier message may have had it
                when = min(trial.recorded_at for trial in trials if trial.slot.test == test)
                code = _side_code(test, side, codes)
                yield Row(code, group, DELETED, when, "NM", "")
        of_test = [one for key, one in sides.items() if key[0] == test]
        for deficit in deficits:
            if deficit.test == test:
                yield from _Deficits(deficit, of_test, str(count), codes).rows()


def _side_code(test: TestSpec, side: Side, codes: CodeMap, metric: str | None = None) -> str:
    """Return the code of a side's value: every side has a code of its own."""
    name = test_name(test.movement, test.kind)
    concept = codes.concept("test", name)
    code = f"{codes.local_code('test', name)}-{side}"
    display = f"{concept.display}, {side} side"
    if metric is None:
        return _code(code, display, codes, concept)
    return _code(f"{code}-{metric}", f"{display}: {codes.concept('metric', metric).display}", codes)


def _code(code: str, display: str, codes: CodeMap, concept: Concept | None = None) -> str:
    """Return a code with the first of another system that HL7 v2 has a name for."""
    for coding in concept.codings if concept is not None else ():
        if coding.system in CODING_SYSTEMS:
            other = (coding.code, coding.display, CODING_SYSTEMS[coding.system])
            return parts(code, display, codes.hl7v2_name, *other)
    return parts(code, display, codes.hl7v2_name)


def _value(group: str, name: str, codes: CodeMap) -> str:
    return parts(
        codes.local_code(group, name), codes.concept(group, name).display, codes.hl7v2_name
    )


def _unit(code: str) -> str:
    return parts(code, code, "UCUM")


def _side_rows(
    side: SideOfTest, group: str, summary: SessionSummary, codes: CodeMap
) -> Iterator[Row]:
    blank = Row(
        code="",
        group=group,
        status=FINAL if summary.revision == 1 else CORRECTED,
        when=side.begin,
        kind="NM",
        value="",
        method=_value("contraction", side.test.contraction, codes),
        equipment=_equipment(side),
    )
    for place, (name, value) in enumerate(side.values.items()):
        yield replace(
            blank,
            code=_side_code(side.test, side.side, codes, name if place else None),
            value=number(value),
            unit=_unit(METRIC_UNITS[name]),
            remarks=() if place else tuple(_remarks(side)),
        )
    trials = _side_code(side.test, side.side, codes, "trials")
    yield replace(blank, code=trials, value=str(len(side.trials)))
    flags = dict.fromkeys(flag for trial in side.trials for flag in trial.analysis.flags)
    if flags:
        code = _side_code(side.test, side.side, codes, "flag")
        words = "~".join(_value("flag", flag, codes) for flag in flags)
        yield replace(blank, code=code, kind="CWE", value=words)


def _equipment(side: SideOfTest) -> str:
    """Return the unit that measured; empty where there was more than one."""
    units = {
        f"{trial.device.profile}/{trial.device.serial_number or trial.device.device_id}"
        for trial in side.trials
    }
    return parts(units.pop(), NAMESPACE) if len(units) == 1 else ""


def _remarks(side: SideOfTest) -> Iterator[str]:
    for trial in side.trials:
        if trial.note is not None:
            yield f"Trial {trial.slot.trial_number}: {trial.note}"


@dataclass(frozen=True, slots=True)
class _Deficits:
    """The rows of one deficit."""

    deficit: Deficit
    sides: Sequence[SideOfTest]
    group: str
    codes: CodeMap

    def rows(self) -> Iterator[Row]:
        """Yield the deficit first, then what it is held against."""
        comparison = self.deficit.comparison
        angle = comparison.quantity == "angle_deg"
        unit = "deg" if angle else "%"
        found = comparison.deficit_deg if angle else comparison.deficit_percent
        beyond = comparison.classification is Classification.EXCEEDS_ERROR_AND_THRESHOLD
        if comparison.classification is Classification.NOT_COMPUTABLE or found is None:
            status = self._status()
            status = NOT_OBTAINED if status != WRONG else status
            yield replace(self._blank(None), status=status, unit=_unit(unit))
        else:
            yield replace(
                self._blank(None),
                value=number(found),
                unit=_unit(unit),
                abnormal=_ABNORMAL if beyond else "",
            )
        yield self._coded("classification", "classification", comparison.classification)
        if comparison.reason is not None:
            yield self._coded("reason", "reason", comparison.reason)
        if comparison.weaker_side is not None:
            yield self._coded("weaker_side", "side", comparison.weaker_side)
        yield from self._held_against(unit)
        if comparison.flags:
            value = "~".join(_value("flag", flag, self.codes) for flag in comparison.flags)
            yield replace(self._blank("flag"), kind="CWE", value=value)

    def _held_against(self, unit: str) -> Iterator[Row]:
        comparison = self.deficit.comparison
        angle = comparison.quantity == "angle_deg"
        interval = comparison.ci95_deg if angle else comparison.ci95_percent
        if interval is not None and all(math.isfinite(end) for end in interval):
            low, high = (number(end) for end in interval)
            # SN: no comparator, low, a hyphen that is a range, high (chapter 2.A.71)
            yield replace(
                self._blank("ci95"), kind="SN", value=f"^{low}^-^{high}", unit=_unit(unit)
            )
        for name, value in (
            ("lsi_percent", comparison.lsi_percent),
            ("mdc95", comparison.mdc95_deg if angle else comparison.mdc95_percent),
            ("threshold", comparison.threshold_deg if angle else comparison.threshold_percent),
        ):
            if value is not None and math.isfinite(value):
                yield replace(self._blank(name), value=number(value), unit=_unit(unit))
        if comparison.mdc_source is not None:
            source = parts(comparison.mdc_source)
            yield replace(self._blank("mdc_source"), kind="ST", value=source)

    def _coded(self, metric: str, group: str, name: str) -> Row:
        value = _value(group, name, self.codes)
        return replace(self._blank(metric), kind="CWE", value=value)

    def _status(self) -> str:
        return _STATUS[self.deficit.status]

    def _blank(self, metric: str | None) -> Row:
        test = self.deficit.test
        name = test_name(test.movement, test.kind)
        concept = self.codes.concept("deficit", name)
        code, display = self.codes.local_code("deficit", name), concept.display
        if metric is None:
            field = _code(code, display, self.codes, concept)
        else:
            text = f"{display}: {self.codes.concept('metric', metric).display}"
            field = _code(f"{code}-{metric}", text, self.codes)
        begins = [side.begin for side in self.sides] or [self.deficit.recorded_at]
        return Row(field, self.group, self._status(), min(begins), "NM", "")
