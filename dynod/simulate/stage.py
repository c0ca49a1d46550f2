"""The stage of the demo: two simulated devices on ptys, a broker, and a config for the daemon."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from dynod.publish.broker import BrokerSettings
from dynod.publish.topics import Topics
from dynod.simulate.broker import EmbeddedBroker
from dynod.simulate.chronojump import ChronojumpFirmware, ChronojumpOptions
from dynod.simulate.patient import Patient
from dynod.simulate.pty_port import PtyPort
from dynod.simulate.therapist import Script
from dynod.simulate.witmotion import WitMotionFirmware

SITE, NAME = "demo", "room-1"

_CONFIG = """\
[station]
site = "{site}"
name = "{name}"

[broker]
url = "{url}"

[storage]
path = "{folder}/dynod.db"

[[device]]
id = "hhd-1"
profile = "chronojump_force_sensor"
port = "{folder}/dynamometer"

[[device]]
id = "tilt-1"
profile = "witmotion_wt901"
port = "{folder}/inclinometer"
axis = "roll"

[session]
battery = "demo"

[control]
socket = "{folder}/control.sock"

[calibration]
allow_nominal = true
"""

# A patient whose left hip abducts a fifth weaker, while flexion differs by no more than chance.
SCRIPT = Script(
    levels={
        ("hip_abduction", "force", "right"): (150.0, 149.0, 154.0),
        ("hip_abduction", "force", "left"): (118.0, 121.0, 115.0),
        ("hip_flexion", "force", "right"): (201.0, 208.0, 204.0),
        ("hip_flexion", "force", "left"): (193.0, 198.0, 200.0),
        ("hip_flexion", "angle", "right"): (117.0,),
        ("hip_flexion", "angle", "left"): (111.0,),
    },
    bad=("hip_abduction", "right", 2),
    session={
        "patient": {"system": "urn:dynod:demo", "id": "demo-patient"},
        "body_mass_kg": 70.0,
        "involved_side": "left",
        "lever_arms_m": {
            "hip_abduction": {"left": 0.36, "right": 0.36},
            "hip_flexion": {"left": 0.41, "right": 0.41},
        },
    },
)


class Stage:
    """Devices and broker in a folder; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "dynod.toml"
        self.topics = Topics(SITE, NAME)
        self.force = Patient(resting=3.0, noise=0.25, tremor=1.2, seed=1)
        self.tilt = Patient(noise=0.05, seed=2)
        self.dynamometer = PtyPort(
            ChronojumpFirmware(self.force, ChronojumpOptions(boot_s=1.0)), folder / "dynamometer"
        )
        self.inclinometer = PtyPort(WitMotionFirmware(self.tilt), folder / "inclinometer")
        self.broker = EmbeddedBroker()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self.broker)
        self._open.enter_context(self.dynamometer)
        self._open.enter_context(self.inclinometer)
        self.config.write_text(
            _CONFIG.format(site=SITE, name=NAME, url=self.broker.url, folder=self.folder),
            encoding="utf-8",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def client(self, name: str) -> BrokerSettings:
        """Return the settings of another client of the same broker."""
        return BrokerSettings("127.0.0.1", self.broker.port, client_id=name)
