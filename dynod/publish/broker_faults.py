"""One clear line for each way in which a broker cannot be reached: what, where, what to do."""

import socket
import ssl
from collections.abc import Iterator, Mapping

from dynod.model.errors import BrokerError
from dynod.publish.broker import BrokerSettings, ConnectionLostError, HungUpError

# MQTT 5.0 section 2.4, reason codes of CONNACK and DISCONNECT.
_ADVICE: Mapping[int, str] = {
    0x84: "it does not speak MQTT 5; use a broker that does, such as mosquitto 2",
    0x85: "it does not accept our client id; change [station] site or name",
    0x86: "it refuses our user name or password; check [broker] username and password_file",
    0x87: "it does not let us in; check [broker] username, password_file and its access list",
    0x8E: "somebody connected with our client id; no two stations may have the same site and name",
    0x95: "a message was larger than it allows; raise its packet size limit",
}

_OTHER_HOST = "check that [broker] url names the host that the certificate is for"
_WRONG_TIME = "check this machine's clock; when that is right, the broker needs a new certificate"
# OpenSSL's X509_V_ERR codes (x509_vfy.h): not yet valid, expired, host name and address mismatch.
_CERTIFICATE_ADVICE: Mapping[int, str] = {
    9: _WRONG_TIME,
    10: _WRONG_TIME,
    62: _OTHER_HOST,
    64: _OTHER_HOST,
}


def fault_line(error: BrokerError, settings: BrokerSettings) -> str:
    """Return the line for an error of connecting, or of a connection that was lost."""
    return f"broker {settings.address}: {_fault(error, settings)}"


def _fault(error: BaseException, settings: BrokerSettings) -> str:
    for link in _chain(error):
        code = getattr(getattr(link, "rc", None), "value", None)
        if isinstance(code, int) and code in _ADVICE:
            return _ADVICE[code]
        if isinstance(link, HungUpError | ConnectionResetError):
            hint = "TLS and accepts our client certificate" if settings.tls else "no TLS"
            return f"it hung up at once; check that this port speaks MQTT 5 with {hint}"
        if isinstance(link, ssl.SSLError):
            return _tls_fault(link)
        if isinstance(link, OSError):
            return _network_fault(link)
    if not isinstance(error, ConnectionLostError):
        return str(error)
    return (
        "connection lost; connecting again (when this repeats, check the network, and that no "
        "other station has the same site and name)"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what it came from; the library puts its own in front of the system's."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _tls_fault(cause: ssl.SSLError) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = _CERTIFICATE_ADVICE.get(cause.verify_code, "check [broker] ca_file")
        return f"its certificate is not trusted ({cause.verify_message}); {advice}"
    return (
        f"no TLS connection ({cause.reason}); check that the port speaks TLS and that it "
        "accepts our client certificate"
    )


def _network_fault(cause: OSError) -> str:
    if isinstance(cause, socket.gaierror):
        return "host name not known; check [broker] url and the name service"
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused; check that the broker runs and listens on this port"
    if isinstance(cause, TimeoutError):
        return "no answer; check the network, and that an MQTT 5 broker listens on this port"
    return f"cannot be reached ({cause.strerror or type(cause).__name__}); check the network"
