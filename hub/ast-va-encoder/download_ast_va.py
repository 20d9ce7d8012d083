# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Files at addresses: downloads within limits of size, time, scheme and network, and what fsspec opens."""

import http.client
import ipaddress
import re
import socket
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

MAX_DOWNLOAD_BYTES = 2**30
MAX_DOWNLOAD_SECONDS = 600.0
TIMEOUT_SECONDS = 60.0  # without any answer of the server
CHUNK_BYTES = 2**16
# `https://...`, `s3://...`, and chains of fsspec such as `zip://song.mp3::s3://...`; a drive of Windows has one letter.
ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+::)*[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# What fsspec and its backends raise for an address that they cannot open.
FSSPEC_ERRORS = (
    *(ImportError, OSError, ValueError, TypeError, LookupError, RuntimeError, EOFError),
    *(zipfile.BadZipFile, tarfile.TarError),
)


class DownloadError(Exception):
    """A file at an address that cannot be downloaded or opened."""


def is_address(name: str) -> bool:
    """Whether a name is a URL or another address of fsspec rather than a path."""
    return ADDRESS.match(name) is not None


def is_web_address(name: str) -> bool:
    """Whether a name is an http(s) URL."""
    return name.lower().startswith(("http://", "https://"))


@contextmanager
def open_address(address: str) -> Iterator[BinaryIO]:
    """
    Open an address with fsspec, such as `s3://bucket/song.mp3` or `zip://song.mp3::archive.zip`, and read it in place.

    Raises:
        DownloadError: if there is no such file, the package of its protocol is not installed, or it cannot be opened.
    """
    with ExitStack() as stack:
        try:
            import fsspec  # inside `try`, because transformers requires other imports

            file = stack.enter_context(fsspec.open(address, "rb"))
        except ImportError as error:
            raise DownloadError(f"its protocol needs a package that is not installed ({error})") from error
        except FileNotFoundError as error:
            raise DownloadError("there is no such file") from error
        except FSSPEC_ERRORS as error:
            raise DownloadError(f"it cannot be opened ({type(error).__name__}: {error})") from error
        yield file


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, but not from the internet into a local network."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise DownloadError(f"it redirects to {newurl}, which is neither http nor https")
        if _is_local(newurl) and not _is_local(req.full_url):
            raise DownloadError(f"it redirects to {newurl}, in a local network")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, file: BinaryIO) -> None:
    """
    Write the content of an http(s) URL to a file.

    Raises:
        DownloadError: if it cannot be downloaded, is larger than `MAX_DOWNLOAD_BYTES`, takes longer than
            `MAX_DOWNLOAD_SECONDS`, redirects to another scheme or into a local network, or ends early.
    """
    deadline = time.monotonic() + MAX_DOWNLOAD_SECONDS
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "modeling-ast-va"})
        with urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT_SECONDS) as response:
            announced = int(response.headers["Content-Length"] or 0)
            num_bytes = 0
            while num_bytes <= MAX_DOWNLOAD_BYTES >= announced and time.monotonic() < deadline:
                chunk = response.read1(CHUNK_BYTES)  # what there is, so that a slow server does not hold the check
                if not chunk:
                    break
                num_bytes += file.write(chunk)
            else:
                limit = f"{MAX_DOWNLOAD_BYTES / 2**30:g} GiB and {MAX_DOWNLOAD_SECONDS:g} s"
                raise DownloadError(f"it exceeds the limit of a download, {limit}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DownloadError(f"it cannot be downloaded ({error})") from error
    if num_bytes < announced:
        raise DownloadError(f"the server states {announced} bytes and sends {num_bytes}")


def _is_local(url: str) -> bool:
    """Whether any address of the server is in a local network, such as 127.0.0.1 or 10.0.0.1."""
    parts = urlsplit(url)
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(parts.hostname, parts.port or 80)]
    return not all(ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses)
