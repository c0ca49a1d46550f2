"""Where each message goes: the topics of one station (docs/contract.md, section 4)."""

import re
from dataclasses import dataclass

from dynod.model.errors import ConfigError

LIVE_EXPIRY_S = 2  # from then on a live value is no longer one

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics under ``dynod/v1/{site}/{name}/``.

    Raises ConfigError when site or name cannot be a level of a topic.
    """

    site: str
    name: str

    def __post_init__(self) -> None:
        for key, value in (("site", self.site), ("name", self.name)):
            if not _SEGMENT.fullmatch(value):
                raise ConfigError(
                    f"[station] {key}: use letters, digits, '_', '-' and '.', at most 64 of them, "
                    "beginning with a letter or digit; it becomes part of MQTT topics"
                )

    @property
    def root(self) -> str:
        """The station's topic level, without a slash at the end."""
        return f"dynod/v1/{self.site}/{self.name}"

    @property
    def status(self) -> str:
        """Retained: online or offline."""
        return f"{self.root}/status"

    def device_status(self, device_id: str) -> str:
        """Return the retained topic that says where a device is in its life-cycle."""
        return f"{self.root}/devices/{device_id}/status"

    @property
    def session_state(self) -> str:
        """Retained: where the session stands."""
        return f"{self.root}/session/state"

    def live(self, device_id: str) -> str:
        """Return the topic of a device's live values, which may be lost."""
        return f"{self.root}/live/{device_id}"

    @property
    def trial(self) -> str:
        """Results of trials."""
        return f"{self.root}/results/trial"

    @property
    def deficit(self) -> str:
        """Side-to-side results."""
        return f"{self.root}/results/deficit"

    @property
    def session(self) -> str:
        """Results of sessions."""
        return f"{self.root}/results/session"

    @property
    def fhir(self) -> str:
        """Return the topic of FHIR Bundles of sessions."""
        return f"{self.root}/results/fhir"

    @property
    def results(self) -> str:
        """Filter over all results."""
        return f"{self.root}/results/+"

    @property
    def receipts(self) -> str:
        """What the system of record has taken over."""
        return f"{self.root}/receipts"

    def command(self, name: str) -> str:
        """Return the topic of one kind of request."""
        return f"{self.root}/commands/{name}"

    @property
    def commands(self) -> str:
        """Filter over all requests."""
        return self.command("+")

    def command_name(self, topic: str) -> str | None:
        """Return the command that a topic asks for, or None when it is no command topic."""
        name = topic.removeprefix(self.command(""))
        return name if name != topic and "/" not in name else None

    def reply(self, client: str) -> str:
        """Return the topic of replies to one client."""
        return f"{self.root}/replies/{client}"

    def is_reply(self, topic: str | None) -> bool:
        """Tell whether a response topic lies under ``replies/`` and can be published to."""
        prefix = self.reply("")
        return (
            topic is not None
            and topic.startswith(prefix)
            and len(topic) > len(prefix)
            and not any(mark in topic for mark in "+#\0")
        )
