"""Notices when time alone, or a new certificate or check, changes how a device stands."""

from collections.abc import Callable

from dynod.daemon.device import DeviceRunner
from dynod.daemon.devices import StationDevices
from dynod.model.calibration import Calibration
from dynod.model.calibration_standing import Standing
from dynod.session.inputs import Instant


class CalibrationWatch:
    """Compares how each device stands with how it was last shown."""

    def __init__(
        self,
        devices: StationDevices,
        show_device: Callable[[DeviceRunner], None],
        show_session: Callable[[], None],
    ) -> None:
        self._devices = devices
        self._show_device = show_device
        self._show_session = show_session
        self._shown: dict[str, Standing] = {}
        self._applied: dict[str, Calibration] = {}

    def look(self, now: Instant) -> None:
        """Show what has changed, and let detectors and live views go by it.

        A recording that runs keeps the calibration that it began with.
        """
        changed = [runner for runner in self._devices if self._is_new(runner, now)]
        for runner in changed:
            self._show_device(runner)
        if changed:
            self._show_session()

    def _is_new(self, runner: DeviceRunner, now: Instant) -> bool:
        device_id = runner.identity.device_id
        standing = self._devices.standing(device_id, now)
        recorder = runner.stream.recorder
        if not recorder.recording and self._applied.get(device_id) != standing.calibration:
            self._applied[device_id] = standing.calibration
            recorder.set_calibration(standing.calibration)
        before = self._shown.get(device_id)
        self._shown[device_id] = standing
        return before != standing
