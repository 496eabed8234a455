"""A TLS client with our key, made from the cookie without our code: docs/protocol.md in ten lines, and openssl(1)."""

import hashlib
import hmac
import random
import subprocess


def hkdf(key, salt, info, n):
    prk = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()[:n]


def key_of(cookie, cluster_name):
    """A generated cookie's key, and the id under which it is offered."""
    key = hkdf(cookie.encode(), f"clusterd cookie 1:{cluster_name}".encode(), b"clusterd key 1", 32)
    return key, hkdf(key, b"clusterd", b"clusterd key id 1", 8)


def fits_a_command_line(cookie, cluster_name):
    """An argument of openssl(1) can't hold a zero byte."""
    return 0 not in key_of(cookie, cluster_name)[1]


def connect(host, port, cookie, cluster_name):
    """openssl s_client as a process: standard input and output are the inside of the connection."""
    key, key_id = key_of(cookie, cluster_name)
    nonce = bytes(random.randrange(1, 256) for _ in range(16))
    return subprocess.Popen(
        ["openssl", "s_client", "-quiet", "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256",
         "-psk_identity", key_id + nonce, "-psk", key.hex(), "-connect", f"{host}:{port}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
