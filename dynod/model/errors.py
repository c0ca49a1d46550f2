"""The errors that dynod raises on purpose, each with the exit code of the command line.

Anything else that is raised is a defect and ends the process with a traceback.
"""


class DynodError(Exception):
    """Base of every expected failure; its message says what, where and what to do."""

    exit_code = 1


class UsageError(DynodError):
    """The command line or a request asks for something that does not exist."""

    exit_code = 2


class ConfigError(DynodError):
    """A config file, profile, battery or certificate is wrong; names file and key."""

    exit_code = 3


class DeviceError(DynodError):
    """A port cannot be opened, or a device answers as something else or not at all."""

    exit_code = 4


class BrokerError(DynodError):
    """The MQTT broker cannot be reached or refuses us."""

    exit_code = 4


class StorageError(DynodError):
    """The database cannot be opened, read or written."""

    exit_code = 5


class DamagedError(StorageError):
    """The database file itself is damaged: what is in it cannot be relied on."""
