"""Files behind http(s) URLs, read through what servers and networks do: failures, stalls, truncation, requests to wait.

A read that breaks off goes on at its place with a range request, guarded by the file's ETag or date, so that the bytes
of two versions are never mixed. Where a server says `Retry-After` (RFC 9110, section 10.2.3), that is how long every
connection of this process to that host waits.
"""

import base64
import binascii
import contextlib
import email.utils
import io
import re
import threading
import time
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import requests
import urllib3

BUFFER_BYTES = 2**20

ATTEMPTS = 8
"""How often a request is made again without a byte of progress, before it is given up."""

ATTEMPTS_TO_CONNECT = 4
"""The same for a host that cannot even be connected to."""

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 20.0, 60.0

FIRST_WAIT_S, MAX_WAIT_S = 1.0, 60.0
"""The wait after a failure doubles from the first to the second; a server's Retry-After may ask for more."""

MAX_RETRY_AFTER_S = 600.0
"""A server that asks for more patience than this is left alone for today."""

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that mean: try again later."""

USER_AGENT = "gristmill (builds text corpora; resumes, waits when asked to)"

MEANINGS = {
    401: "the server wants credentials; put them into ~/.netrc, or as $VARS into the URL (https://$USER:$TOKEN@host/)",
    403: "the server refuses access; check the URL and whether it needs credentials",
    404: "there is no such file; correct the URL",
    410: "the file is gone for good; correct the URL",
}


class RemoteError(OSError):
    """A remote file that cannot be had now; the message says why, and what to do."""


class Refused(RemoteError):
    """An answer that will not get better by waiting."""


class Changed(RemoteError):
    """A remote file became another one while it was being read."""


@dataclass(frozen=True)
class Described:
    """What a server says of a file."""

    size_bytes: int | None  # None: it does not say
    etag: str | None = None
    last_modified: str | None = None
    digests: tuple[tuple[str, str], ...] = ()  # (algorithm, hex) of the whole content, as its headers claim

    @property
    def validator(self) -> str | None:
        """What If-Range may be asked with: a strong ETag, or the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    @property
    def identity(self) -> str:
        """What changes with the file's content, as far as the server tells."""
        parts = {"ETag": self.etag, "LastModified": self.last_modified, "size": self.size_bytes}
        return ", ".join(f"{name}={value}" for name, value in parts.items() if value is not None)


def is_http(path: str) -> bool:
    """Whether a path is a URL that this module reads itself."""
    return path.startswith(("http://", "https://"))


def without_credentials(url: str) -> str:
    """A URL as it may be written down: without the user and password before its host.

    >>> without_credentials("https://me:secret@host/a")
    'https://host/a'
    """
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", r"\1", url)


def described(url: str) -> Described:
    """What the server says of a file, without its content. Raises RemoteError."""
    with _Connection(url) as connection:
        try:
            return _described(connection.ask("HEAD", {}))
        except Refused:  # signed URLs are often good for GET alone
            answer = connection.ask("GET", {"Range": "bytes=0-0"})
            return _described(answer)


class HttpFile(io.RawIOBase):
    """The bytes of a URL from `start` on, as a raw binary file; seeks by range requests, or by skipping without them.

    `known` is what an earlier session learnt of the file: if it has changed since, Changed is raised. Reads raise
    RemoteError when ATTEMPTS requests in a row brought nothing.
    """

    def __init__(self, url: str, start: int = 0, known: Described | None = None):
        super().__init__()
        self.url, self.shown = url, without_credentials(url)
        self._position = start
        self._connection = _Connection(url)
        self._answer: requests.Response | None = None
        self._skip = 0  # bytes of the answer that come before the position
        self.described = known
        try:
            self._request()
        except BaseException:
            self.close()
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        size = self.described.size_bytes if self.described else None
        if whence == io.SEEK_END and size is None:
            raise RemoteError(
                f"{self.shown}: the server does not say the file's size; download it with gristmill fetch"
            )
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: size or 0}[whence]
        target = max(0, base + offset)
        if target != self._position:
            self._hang_up()
            self._position = target
        return target

    def readinto(self, buffer) -> int:
        for attempt in range(ATTEMPTS):
            size = self.described.size_bytes
            if size is not None and self._position >= size:
                return 0
            if self._answer is None:
                self._request()
                size = self.described.size_bytes
                if self._answer is None:
                    return 0
            broke = False
            try:
                while self._skip and (
                    part := self._answer.raw.read(min(BUFFER_BYTES, self._skip), decode_content=False)
                ):
                    self._skip -= len(part)
                data = self._answer.raw.read(len(buffer), decode_content=False)
            except (OSError, urllib3.exceptions.HTTPError):
                data, broke = b"", True
            if data:
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            if size is None and not broke:
                return 0  # without a length the end of the answer is the end of the file
            self._hang_up()
            self._connection.wait(attempt)
        raise RemoteError(
            f"{self.shown}: broke off at byte {self._position:,} of {size or 0:,} {ATTEMPTS} times; try again later"
        )

    def close(self) -> None:
        self._hang_up()
        self._connection.close()
        super().close()

    def _hang_up(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _request(self) -> None:
        """Ask for the bytes from the position on; learns what the file is, or checks that it is still the same."""
        headers, known = {}, self.described
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
            if known and known.validator:
                headers["If-Range"] = known.validator
        answer = self._connection.ask("GET", headers)
        now = _described(answer)
        if known and _differs(known, now):
            answer.close()
            raise Changed(f"{self.shown}: the file changed on the server while it was being read; start again")
        self.described = known or now
        if answer.status_code == 416:  # the position is the end, or beyond it
            answer.close()
            self.described = replace(self.described, size_bytes=self.described.size_bytes or self._position)
            return
        begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if answer.status_code == 206 and (not begins or int(begins.group(1)) != self._position):
            answer.close()
            raise RemoteError(f"{self.shown}: the server answers another range than was asked for; download it by hand")
        self._answer = answer
        self._skip = self._position if answer.status_code == 200 else 0  # without ranges all of it is sent again


def _differs(known: Described, now: Described) -> bool:
    pairs = [(known.etag, now.etag), (known.last_modified, now.last_modified), (known.size_bytes, now.size_bytes)]
    return any(a is not None and b is not None and a != b for a, b in pairs)


def _described(answer: requests.Response) -> Described:
    headers = answer.headers
    size: int | None = None
    if answer.status_code in (206, 416):
        total = headers.get("Content-Range", "").rpartition("/")[2]
        size = int(total) if total.isdigit() else None
    elif headers.get("Content-Length", "").isdigit():
        size = int(headers["Content-Length"])
    return Described(size, headers.get("ETag"), headers.get("Last-Modified"), _claimed(headers, answer.status_code))


def _claimed(headers, status: int) -> tuple[tuple[str, str], ...]:
    """Digests of the whole content that the headers state: Repr-Digest (RFC 9530), Digest, x-goog-hash, Content-MD5."""
    found = {}
    stated = ",".join(headers.get(name, "") for name in ("Repr-Digest", "Digest", "x-goog-hash"))
    for name, value in re.findall(r"\b(sha-256|sha-512|md5)=:?([A-Za-z0-9+/]+={0,2}):?", stated, re.IGNORECASE):
        found[name.lower().replace("-", "")] = value
    if status == 200 and "Content-MD5" in headers:
        found.setdefault("md5", headers["Content-MD5"])
    return tuple(sorted((name, _base64_hex(value)) for name, value in found.items() if _base64_hex(value)))


def _base64_hex(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


class _Connection:
    """One polite conversation about a URL: waits when told, and tries again what may get better."""

    def __init__(self, url: str):
        self.url, self.shown = url, without_credentials(url)
        self._host = _host(urlsplit(url).netloc)
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def ask(self, method: str, headers: dict[str, str]) -> requests.Response:
        """An answer with content (200, 206, or 416 to a range); its body is not read yet.

        Raises Refused for an answer that waiting will not mend, RemoteError after ATTEMPTS that it might have mended.
        """
        last = ""
        for attempt in range(ATTEMPTS):
            self._host.pause()
            try:
                answer = self._session.request(
                    method, self.url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
                )
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
                raise Refused(f"{self.shown}: not a URL that can be asked for ({error}); correct it") from None
            except requests.RequestException as error:
                last = _short(error)
                if attempt + 1 == ATTEMPTS_TO_CONNECT and isinstance(error, requests.ConnectionError):
                    break  # no such host, or nobody listening
                self.wait(attempt)
                continue
            if answer.status_code in (200, 206) or (answer.status_code == 416 and "Range" in headers):
                return answer
            answer.close()
            last = f"{answer.status_code} {answer.reason}"
            if answer.status_code not in BUSY:
                meaning = MEANINGS.get(answer.status_code, "check the URL")
                raise Refused(f"{self.shown}: the server says {last}: {meaning}")
            self.wait(attempt, _retry_after(answer.headers.get("Retry-After")))
        raise RemoteError(f"{self.shown}: given up after {attempt + 1} tries ({last}); try again later")

    def wait(self, attempt: int, asked_s: float | None = None) -> None:
        """Sleep before the next try, the longer the more have failed, or as long as the server asked us to."""
        if asked_s is not None and asked_s > MAX_RETRY_AFTER_S:
            raise RemoteError(f"{self.shown}: the server asks to come back in {asked_s:.0f} s; try again then")
        if attempt + 1 == ATTEMPTS:
            return
        if asked_s is None:
            time.sleep(min(FIRST_WAIT_S * 2**attempt, MAX_WAIT_S))
        else:
            self._host.leave_alone(asked_s)


class _Host:
    """What all connections of this process to one host share: until when it asked to be left alone."""

    def __init__(self) -> None:
        self._until = 0.0  # on time.monotonic's clock

    def leave_alone(self, seconds: float) -> None:
        self._until = max(self._until, time.monotonic() + seconds)

    def pause(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            time.sleep(left)


_hosts: dict[str, _Host] = {}
_hosts_lock = threading.Lock()


def _host(name: str) -> _Host:
    with _hosts_lock:
        return _hosts.setdefault(name, _Host())


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or an HTTP date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _short(cause: object) -> str:
    return re.sub(r"^.*?(?:Caused by )?(\w+Error\(.*|\w+Timeout.*)$", r"\1", str(cause))[:200]
