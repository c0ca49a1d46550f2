"""Stored sessions analysed again: preview, apply, what is left out, what is interrupted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import UUID, uuid4

import pytest

from dynod.config.site import load_site
from dynod.daemon.plan import Plan, make_plan
from dynod.daemon.reanalysis import RUNNING, DirectAccess, reanalyse
from dynod.daemon.reanalysis_request import parse_request
from dynod.model.errors import UsageError
from dynod.model.trial import ResultStatus
from dynod.store.change import Change
from dynod.store.store import Store
from tests.support.builders import START
from tests.support.station import Daemon, battery, force_test
from tests.support.stored_sessions import Past, certificate_text, shelve

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Scene:
    """A station's folder with an open store; ``tell`` runs a request to its end."""

    plan: Plan
    store: Store
    past: Past
    told: list[dict[str, Any]] = field(default_factory=list)

    def run(self, **given: object) -> dict[str, Any]:
        return self.through(DirectAccess(self.store), **given)

    def through(self, access: DirectAccess, **given: object) -> dict[str, Any]:
        self.told = list(reanalyse(parse_request(given), self.plan, access))
        return self.told[-1]

    @property
    def sessions(self) -> list[dict[str, Any]]:
        return [line["session"] for line in self.told if "session" in line]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    station = Daemon(
        tmp_path,
        1883,
        battery=battery(force_test(repetitions=2)),
        session="confirm_change = false",
        more='serial_number = "SN-1"',
    )
    shelve(tmp_path, certificate_text("A", 1.0), certificate_text("B", 1.02, "2026-02-01"))
    plan = make_plan(load_site(station.config, {}))
    first = next(item for item in plan.certificates if item.certificate_id == "A")
    with Store.open(plan.config.storage.path, now=START) as store:
        store.add_certificates([first], START)
        yield Scene(plan, store, Past(store, plan.rules, first))


def counts(**wanted: int) -> dict[str, int]:
    names = (
        "sessions",
        "trials",
        "sessions_changed",
        "trials_changed",
        "deficits_changed",
        "left_out",
    )
    return {name: wanted.get(name, 0) for name in names}


def peaks(scene: Scene, session_id: UUID) -> list[float | None]:
    stored = scene.store.session(session_id)
    assert stored is not None
    return [trial.analysis.metrics["peak_force_n"] for trial in stored.trials]


def import_b(scene: Scene) -> None:
    scene.store.add_certificates(scene.plan.certificates, START)


WHOLE = (154.0, 152.0, 124.0, 122.0)


def test_nothing_differs_before_the_new_certificate_comes(scene: Scene) -> None:
    scene.past.session(*WHOLE)
    assert scene.run() == {"end": counts(sessions=1, trials=4), "stopped": False}
    assert scene.sessions == []


def test_a_preview_shows_and_changes_nothing(scene: Scene) -> None:
    session = scene.past.session(*WHOLE)
    import_b(scene)
    before, last = peaks(scene, session.session_id), scene.store.last_sequence
    end = scene.run()["end"]
    assert end == counts(
        sessions=1, trials=4, sessions_changed=1, trials_changed=4, deficits_changed=1
    )
    (shown,) = scene.sessions
    first = shown["trials"][0]
    assert (first["movement"], first["side"], first["device"]) == (
        "hip_abduction",
        "right",
        "hhd-1",
    )
    # 154 on the display less 4 of rest: 150 N under A, 153 N under B
    assert first["before"]["value"] == pytest.approx(150.0, abs=0.1)
    assert first["after"]["value"] == pytest.approx(1.02 * first["before"]["value"])
    assert (first["before"]["certificate_id"], first["after"]["certificate_id"]) == ("A", "B")
    (deficit,) = shown["deficits"]
    # both sides grow alike: 100·(1 − 119/149)
    for state in (deficit["before"], deficit["after"]):
        assert state["deficit_percent"] == pytest.approx(100 * (1 - 119 / 149), abs=0.05)
    assert (deficit["before"]["revision"], deficit["after"]["revision"]) == (1, 2)
    assert "patient" not in str(scene.told)
    assert peaks(scene, session.session_id) == before
    assert scene.store.last_sequence == last


def test_applying_amends_everything_once(scene: Scene) -> None:
    session = scene.past.session(*WHOLE)
    import_b(scene)
    before, last = peaks(scene, session.session_id), scene.store.last_sequence
    assert scene.run(apply=True, by="a technician")["end"]["trials_changed"] == 4
    after = scene.store.session(session.session_id)
    assert after is not None
    assert peaks(scene, session.session_id) == pytest.approx([1.02 * (n or 0.0) for n in before])
    assert {(trial.revision, trial.status) for trial in after.trials} == {(2, ResultStatus.AMENDED)}
    assert [trial.calibration.certificate_id for trial in after.trials] == ["B"] * 4
    (deficit,) = after.deficits
    assert (deficit.revision, deficit.status) == (2, ResultStatus.AMENDED)
    (summary,) = scene.store.summaries(session.session_id)
    assert (summary.revision, summary.status) == (2, ResultStatus.AMENDED)
    assert {item.revision for item in (*summary.trials, *summary.deficits)} == {2}
    rows = [
        row for row in scene.store.due(START, 100, resend_unreceipted=False) if row.sequence > last
    ]
    amended = {trial.result_id for trial in after.trials} | {deficit.result_id, summary.result_id}
    assert {row.result_id for row in rows if row.revision == 2} >= amended
    (entry,) = scene.store.audit_entries(str(session.session_id))
    assert (entry.action, entry.who) == ("session.reanalyse", "a technician")
    assert len(entry.detail["trials"]) == 4  # type: ignore[arg-type]

    last = scene.store.last_sequence
    assert scene.run(apply=True)["end"] == counts(sessions=1, trials=4)
    assert scene.store.last_sequence == last


def test_only_what_differs_is_touched(scene: Scene) -> None:
    """The certificate that is named leaves the other session alone."""
    scene.past.session(*WHOLE)
    chosen = scene.past.session(*WHOLE)
    import_b(scene)
    scene.run(apply=True, session=str(chosen.session_id)[:13])
    revisions = {trial.session_id: trial.revision for trial in scene.store.trials()}
    assert revisions[chosen.session_id] == 2
    assert sorted(revisions.values()) == [1, 2]
    stored = scene.store.session(chosen.session_id)
    assert stored is not None
    one = stored.trials[0].result_id
    scene.run(apply=True, trials=[str(one)], certificate="A")
    assert [trial.revision for trial in scene.store.session(chosen.session_id).trials] == [  # type: ignore[union-attr]
        3,
        2,
        2,
        2,
    ]
    assert scene.store.deficits(chosen.session_id)[0].revision == 3


def test_days_and_devices_choose(scene: Scene) -> None:
    """The sessions were on the 3rd and the 4th of March 2026."""
    first, second = scene.past.session(*WHOLE), scene.past.session(*WHOLE)
    import_b(scene)
    scene.run(until="2026-03-03")
    assert [row["session_id"] for row in scene.sessions] == [str(first.session_id)]
    scene.run(since="2026-03-04", until="2026-03-04T23:00:00Z", device="hhd-1")
    assert [row["session_id"] for row in scene.sessions] == [str(second.session_id)]
    for nothing in ({"since": "2026-03-05"}, {"device": "hhd-2"}):
        with pytest.raises(UsageError, match="no stored trial fits"):
            scene.run(**nothing)


def test_what_is_taken_back_stays_and_what_has_no_raw_is_named(scene: Scene) -> None:
    session = scene.past.session(-160.0, *WHOLE)
    stored = scene.store.session(session.session_id)
    assert stored is not None
    void, lost = stored.trials[0], stored.trials[2]
    assert void.status is ResultStatus.ENTERED_IN_ERROR
    with scene.store._transaction() as connection:
        connection.exec_driver_sql(
            "DELETE FROM trial_raw WHERE result_id = ?", (str(lost.result_id),)
        )
    import_b(scene)
    end = scene.run(apply=True)["end"]
    assert (end["trials"], end["trials_changed"], end["left_out"]) == (3, 3, 1)
    (shown,) = scene.sessions
    assert shown["left_out"] == [
        {"result_id": str(lost.result_id), "reason": "its raw samples are not stored any more"}
    ]
    after = scene.store.session(session.session_id)
    assert after is not None
    assert [trial.revision for trial in after.trials] == [2, 2, 1, 2, 2]
    assert [item.revision for item in after.deficits[0].trials] == [2, 1, 2, 2]
    scene.run(trials=[str(void.result_id)])
    assert scene.sessions[0]["left_out"][0]["reason"] == "it was taken back and is no result"


def test_the_running_session_is_left_out_and_named(scene: Scene) -> None:
    scene.past.session(*WHOLE)
    running = scene.past.session(154.0, ended=False)
    import_b(scene)
    end = scene.run(apply=True)["end"]
    assert (end["sessions_changed"], end["left_out"]) == (1, 1)
    named = scene.sessions[-1]
    assert named["session_id"] == str(running.session_id)
    assert named["left_out"] == [{"result_id": None, "reason": RUNNING}]
    assert scene.store.trials(running.session_id)[0].revision == 1


def test_a_session_without_a_patient_is_amended_and_not_published(scene: Scene) -> None:
    session = scene.past.session(*WHOLE, patient=False)
    import_b(scene)
    scene.run(apply=True)
    assert scene.store.trials(session.session_id)[0].revision == 2
    assert scene.store.last_sequence == 0


def test_a_certificate_of_another_unit_changes_nothing(scene: Scene) -> None:
    session = scene.past.session(*WHOLE)
    other = replace(scene.past.certificate, certificate_id="X", serial_number="SN-2")
    scene.store.add_certificates([other], START)
    trial = scene.store.trials(session.session_id)[0]
    with pytest.raises(UsageError, match=r"measured with hhd-1 \(quick_gauge, SN-1\), and certif"):
        scene.run(apply=True, trials=[str(trial.result_id)], certificate="X")
    end = scene.run(apply=True, certificate="X")["end"]
    assert end == counts(sessions=1, left_out=4)
    assert "certificate X is of quick_gauge, SN-2" in scene.sessions[0]["left_out"][0]["reason"]


def test_outside_its_validity_a_named_certificate_says_so(scene: Scene) -> None:
    session = scene.past.session(*WHOLE)
    later = replace(
        scene.past.certificate, certificate_id="L", valid_from=datetime(2026, 5, 1, tzinfo=UTC)
    )
    scene.store.add_certificates([later], START)
    scene.run(apply=True, certificate="L")
    (shown,) = scene.sessions
    assert shown["trials"][0]["notes"] == [
        "recorded before certificate L begins to hold (2026-05-01)"
    ]
    assert shown["trials"][0]["after"]["flags"] == ["calibration_expired"]
    assert shown["deficits"][0]["after"]["classification"] == "not_computable"
    assert shown["deficits"][0]["after"]["reason"] == "side_incomplete"
    # without naming it, the certificate of the time counts again
    scene.run(apply=True)
    stored = scene.store.session(session.session_id)
    assert stored is not None
    assert [trial.valid for trial in stored.trials] == [True] * 4
    assert stored.deficits[0].revision == 3


@dataclass(slots=True)
class Meddler(DirectAccess):
    """Access during which somebody annotates the first trial of a session, once."""

    meddle: Callable[[], None] | None = None
    trials: int = 0

    def go_on(self) -> bool:
        """Meddle before the third look."""
        self.trials += 1
        if self.trials == 3 and self.meddle is not None:
            self.meddle()
        return True


def test_a_session_that_somebody_amends_meanwhile_is_looked_at_again(scene: Scene) -> None:
    session = scene.past.session(*WHOLE)
    import_b(scene)

    def annotate() -> None:
        stored = scene.store.session(session.session_id)
        assert stored is not None
        noted = replace(
            stored.trials[0], revision=2, status=ResultStatus.AMENDED, pain_nrs=3, recording=None
        )
        scene.store.commit(Change(at=START, trials=(noted,)))

    scene.through(Meddler(scene.store, meddle=annotate), apply=True)
    stored = scene.store.session(session.session_id)
    assert stored is not None
    assert [trial.revision for trial in stored.trials] == [3, 2, 2, 2]
    assert stored.trials[0].pain_nrs == 3
    assert [item.revision for item in stored.deficits[0].trials] == [3, 2, 2, 2]


@dataclass(slots=True)
class Impatient(DirectAccess):
    """Access that somebody ends after so many looks."""

    looks: int = 0

    def go_on(self) -> bool:
        """Count down."""
        self.looks -= 1
        return self.looks >= 0


@pytest.mark.parametrize("looks", range(0, 11, 2))
def test_wherever_it_stops_each_session_is_whole_or_untouched(scene: Scene, looks: int) -> None:
    """A session of four trials asks five times whether to go on."""
    made = [scene.past.session(*WHOLE), scene.past.session(*WHOLE)]
    import_b(scene)
    told = scene.through(Impatient(scene.store, looks=looks), apply=True)
    whole = looks // 5
    assert told["stopped"] is (whole < 2)
    assert told["end"]["sessions_changed"] == whole
    for number, session in enumerate(made):
        revisions = {trial.revision for trial in scene.store.trials(session.session_id)}
        assert revisions == {2 if number < whole else 1}
    assert scene.run(apply=True)["end"]["sessions_changed"] == 2 - whole
    assert {trial.revision for trial in scene.store.trials()} == {2}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sesion": "x"}, "unknown key 'sesion'; do you mean 'session'"),
        ({"device": 3}, "device should be text"),
        ({"trials": "x"}, "trials should be a list"),
        ({"apply": "yes"}, "apply should be true or false"),
        ({"since": "yesterday"}, "--since should be a day"),
        ({"until": "2026-03-02T09:00"}, "--until should be a day"),
        ({"session": str(uuid4())}, "no session "),
        ({"session": "zz"}, "no session begins with 'zz'"),
        ({"trials": [str(uuid4())]}, "no trial "),
        ({"certificate": "C-9"}, "no certificate C-9 is stored; there are: A"),
    ],
)
def test_a_wrong_request_is_one_clear_line(
    scene: Scene, given: dict[str, object], message: str
) -> None:
    scene.past.session(*WHOLE)
    with pytest.raises(UsageError, match=message):
        scene.run(**given)
