#!/usr/bin/env python3
"""Attack suite 4.1 with keys and signatures that no library of ours makes: sound evidence of a sound boot, signed anew by every kind of key, right
and wrong, through `trueboot quote verify` and `trueboot verify`. What must hold is derived from TPM 2.0 Library Parts 1 to 3, FIPS 186-5 and RFC 8017.

usage: foreign_keys.py BUILD        TRUEBOOT_ATTACK_EXPORT=DIR: the evidence as files, too (README.md)
"""
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils  # noqa: E402
from tap import tap  # noqa: E402

BUILD = sys.argv[1]
TRUEBOOT = f"{BUILD}/src/cli/trueboot"
RSASSA, RSAPSS, ECDSA = 0x0014, 0x0016, 0x0018
SHA1, SHA256, SHA384, SHA512, SM3, SHA3 = 0x0004, 0x000B, 0x000C, 0x000D, 0x0012, 0x0027
NAMES = {SHA1: "sha1", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512", SHA3: "sha3_256"}
CLASSES = {SHA1: hashes.SHA1, SHA256: hashes.SHA256, SHA384: hashes.SHA384, SHA512: hashes.SHA512, SHA3: hashes.SHA3_256}
ORDER = {"secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
         "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
         "secp521r1": (1 << 521) - (1 << 264) + 0xFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409}


def u16(n):
    return n.to_bytes(2, "big")


def tpm2b(data):
    return u16(len(data)) + data


def number(n, width=None):
    return n.to_bytes(width or max(1, (n.bit_length() + 7) // 8), "big")


# ---- the evidence ------------------------------------------------------------------------------------------------------------


class Boot:
    """What the first sound case of the suite sends."""

    def __init__(self, folder):
        subprocess.run([f"{BUILD}/tests/attack/test_attack_quote", "Q0"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "TRUEBOOT_ATTACK_EXPORT": folder})
        case = f"{folder}/Q0_sound_evidence_of_a_sound_boot_is_healthy/1"
        self.files = {name: open(f"{case}/{name}", "rb").read() for name in ("log-1", "pcrs.json", "nonce.hex")}
        self.nonce = bytes.fromhex(self.files["nonce.hex"].decode().strip())
        self.values = [bytes.fromhex(json.loads(self.files["pcrs.json"])["sha256"][str(i)]) for i in range(24)]

    def attest(self, hash_id):
        digest = hashlib.new(NAMES[hash_id], b"".join(self.values)).digest()
        name = u16(SHA256) + hashlib.sha256(b"a parent, and this key").digest()
        return (b"\xffTCG\x80\x18" + tpm2b(name) + tpm2b(self.nonce) + number(100000, 8) + number(7, 4) + number(3, 4) + b"\x01" +
                number(0x20191023, 8) + number(1, 4) + u16(SHA256) + b"\x03\xff\xff\xff" + tpm2b(digest))


# ---- signatures ----------------------------------------------------------------------------------------------------------------


def tpmt(scheme, hash_id, *parts):
    return u16(scheme) + u16(hash_id) + b"".join(map(tpm2b, parts))


def pss(key, message, hash_id=SHA256, salt=padding.PSS.DIGEST_LENGTH, mgf=None):
    return key.sign(message, padding.PSS(padding.MGF1(CLASSES[mgf or hash_id]()), salt), CLASSES[hash_id]())


def pkcs1(key, message, hash_id=SHA256):
    return key.sign(message, padding.PKCS1v15(), CLASSES[hash_id]())


def rs(key, message, hash_id=SHA256):
    return utils.decode_dss_signature(key.sign(message, ec.ECDSA(CLASSES[hash_id]())))


def ecdsa(key, message, hash_id=SHA256, change=lambda r, s, n: (r, s), stated=None, width=None):
    r, s = change(*rs(key, message, hash_id), ORDER.get(key.curve.name))
    return tpmt(ECDSA, stated or hash_id, number(r, width), number(s, width))


def der(tag, content):
    length = bytes([len(content)]) if len(content) < 128 else b"\x81" + bytes([len(content)])
    return bytes([tag]) + length + content


def der_int(n, pad=b""):
    raw = pad + number(n)
    return der(2, raw if raw[0] < 128 else b"\0" + raw)


# ---- keys ----------------------------------------------------------------------------------------------------------------------


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def spki(algorithm, bits):
    return der(0x30, algorithm + der(3, b"\0" + bits)) if len(bits) < 100 else None


def as_pem(raw):
    import base64
    text = base64.b64encode(raw).decode()
    return ("-----BEGIN PUBLIC KEY-----\n" + "\n".join(text[i:i + 64] for i in range(0, len(text), 64)) + "\n-----END PUBLIC KEY-----\n").encode()


def long_der(tag, content):
    n = len(content)
    length = bytes([n]) if n < 128 else bytes([0x80 | len(number(n))]) + number(n)
    return bytes([tag]) + length + content


def rsa_pem(n, e):
    """Any pair of numbers, whatever a library thinks of it."""
    def integer(x):
        raw = number(x)
        return long_der(2, raw if raw[0] < 128 else b"\0" + raw)
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return as_pem(long_der(0x30, algorithm + long_der(3, b"\0" + long_der(0x30, integer(n) + integer(e)))))


EC_P256 = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
RESTRICTED = 0x00050072  # fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign


def ec_public(key, scheme_hash=SHA256, attributes=RESTRICTED, scheme=ECDSA):
    """TPM2B_PUBLIC (Part 2, 12.2.4, 12.2.5)."""
    p = key.public_key().public_numbers()
    return tpm2b(u16(0x0023) + u16(SHA256) + number(attributes, 4) + tpm2b(b"") + u16(0x0010) + u16(scheme) + u16(scheme_hash) + u16(3) +
                 u16(0x0010) + tpm2b(number(p.x, 32)) + tpm2b(number(p.y, 32)))


def rsa_public(key, scheme=RSASSA, scheme_hash=SHA256, attributes=RESTRICTED, exponent=0):
    return tpm2b(u16(0x0001) + u16(SHA256) + number(attributes, 4) + tpm2b(b"") + u16(0x0010) + u16(scheme) + u16(scheme_hash) +
                 u16(key.key_size) + number(exponent, 4) + tpm2b(number(key.public_key().public_numbers().n, key.key_size // 8)))


def textbook(message, n, hash_id=SHA256):
    """EMSA-PKCS1-v1_5 (RFC 8017, 9.2): with exponent 1 it is its own signature."""
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.new(NAMES[hash_id], message).digest()
    width = (n.bit_length() + 7) // 8
    return b"\0\1" + b"\xff" * (width - 3 - len(info)) + b"\0" + info


def cube_root_forgery(message, n):
    """CVE-2006-4339: with exponent 3, a cube whose top looks like the padding, garbage behind the digest."""
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    width = (n.bit_length() + 7) // 8
    wanted = int.from_bytes(b"\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0" + info + b"\0" * (width - 11 - len(info)), "big")
    low, high = 0, 1 << (n.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle ** 3 < wanted else (low, middle)
    return number(low, width)


# ---- the rows ------------------------------------------------------------------------------------------------------------------


class Case:
    def __init__(self, what, sound, key, signature, hash_id=SHA256, portable_key=None, ours=False):
        """key: bytes of the key's file; signature: made of the attestation; portable_key: its PEM where `key` is none; ours: others may see it
        differently, and need not be asked."""
        self.what, self.sound, self.key, self.signature, self.hash_id, self.pem, self.ours = what, sound, key, signature, hash_id, portable_key, ours


def rsa_rows():
    keys = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 3072, 4096)}
    key = keys[2048]
    n, p = key.public_key().public_numbers().n, pem(key)
    other = rsa.generate_private_key(65537, 2048)
    for bits in keys:
        yield Case(f"RSASSA, {bits} bits", True, pem(keys[bits]), lambda m, k=keys[bits]: tpmt(RSASSA, SHA256, pkcs1(k, m)))
    for hash_id in (SHA384, SHA512):
        yield Case(f"RSAPSS, {NAMES[hash_id]}", True, p, lambda m, h=hash_id: tpmt(RSAPSS, h, pss(key, m, h)), hash_id)
    # Part 1, B.7: a TPM's salt is as long as fits, or (FIPS mode) as the hash; RFC 8017, 9.1: any length up to emLen - hLen - 2.
    for what, salt in (("of the hash's length", 32), ("as long as fits", padding.PSS.MAX_LENGTH), ("of one byte", 1), ("empty", 0)):
        yield Case(f"RSAPSS, salt {what}", True, p, lambda m, s=salt: tpmt(RSAPSS, SHA256, pss(key, m, salt=s)), ours=salt in (0, 1))
    yield Case("RSAPSS whose mask is of another hash", False, p, lambda m: tpmt(RSAPSS, SHA256, pss(key, m, mgf=SHA1)))
    yield Case("RSAPSS that calls itself RSASSA", False, p, lambda m: tpmt(RSASSA, SHA256, pss(key, m)))
    yield Case("RSASSA that calls itself RSAPSS", False, p, lambda m: tpmt(RSAPSS, SHA256, pkcs1(key, m)))
    yield Case("a hash that is not the signed one", False, p, lambda m: tpmt(RSASSA, SHA384, pkcs1(key, m)), SHA384)
    yield Case("SHA-1", False, p, lambda m: tpmt(RSASSA, SHA1, pkcs1(key, m, SHA1)), SHA1)
    yield Case("SHA3-256 under SHA-256's name", False, p, lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m, SHA3)))
    yield Case("hash 0x0000", False, p, lambda m: tpmt(RSASSA, 0, pkcs1(key, m)))
    yield Case("TPM_ALG_NULL for a hash", False, p, lambda m: tpmt(RSASSA, 0x0010, pkcs1(key, m)))
    yield Case("the bare signature of tpm2_quote -f plain", True, p, lambda m: pkcs1(key, m))
    yield Case("the bare signature of another key", False, p, lambda m: pkcs1(other, m))
    for what, value in (("0", 0), ("1", 1), ("n - 1", n - 1), ("n", n)):
        yield Case(f"signature {what}", False, p, lambda m, v=value: tpmt(RSASSA, SHA256, number(v, 256)))
    yield Case("signature plus n", False, p, lambda m: tpmt(RSASSA, SHA256, number(int.from_bytes(pkcs1(key, m), "big") + n, 257)))
    yield Case("signature with a zero in front", False, p, lambda m: tpmt(RSASSA, SHA256, b"\0" + pkcs1(key, m)))
    yield Case("signature cut by a byte", False, p, lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)[1:]))
    yield Case("signature without its padding undone", False, p, lambda m: tpmt(RSASSA, SHA256, textbook(m, n)))
    # Keys: exponents and moduli.
    yield Case("exponent 1: the padding is the signature", False, rsa_pem(n, 1), lambda m: tpmt(RSASSA, SHA256, textbook(m, n)))
    yield Case("exponent 1, bare", False, rsa_pem(n, 1), lambda m: textbook(m, n))
    yield Case("exponent 3, and a cube root", False, rsa_pem(n, 3), lambda m: tpmt(RSASSA, SHA256, cube_root_forgery(m, n)))
    yield Case("exponent 3, and a sound signature", False, (three := rsa.generate_private_key(3, 2048)) and pem(three),
               lambda m: tpmt(RSASSA, SHA256, pkcs1(three, m)))
    for what, e in (("0", 0), ("2", 2), ("65536", 65536), ("of 65 bits", (1 << 64) + 1), ("n - 1", n - 1), ("n + 65537", n + 65537)):
        yield Case(f"exponent {what}", False, rsa_pem(n, e), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)))
    yield Case("modulus 0", False, rsa_pem(0, 65537), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)))
    yield Case("even modulus", False, rsa_pem(n - 1, 65537), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)))
    yield Case("modulus of 2047 bits", False, rsa_pem(n >> 1 | 1, 65537), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)))
    yield Case("modulus of 2049 bits", False, rsa_pem(n | 1 << 2048, 65537), lambda m: tpmt(RSASSA, SHA256, b"\0" + pkcs1(key, m)))
    yield Case("modulus of 65536 bits", False, rsa_pem(secrets.randbits(65536) | 1 << 65535 | 1, 65537),
               lambda m: tpmt(RSASSA, SHA256, b"\1" * 8192))
    for bits in (1024, 1536):
        small = rsa.generate_private_key(65537, bits)
        yield Case(f"a key of {bits} bits", False, pem(small), lambda m, k=small: tpmt(RSASSA, SHA256, pkcs1(k, m)))
    # What the key's public area says of it.
    yield Case("TPM2B_PUBLIC of a restricted key", True, rsa_public(key), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)), portable_key=p)
    yield Case("a bare signature of a key that signs with RSAPSS", True, rsa_public(key, RSAPSS), lambda m: pss(key, m))
    yield Case("a signature of another scheme than the key's", False, rsa_public(key, RSAPSS), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)))
    yield Case("a bare signature of another scheme than the key's", False, rsa_public(key, RSAPSS), lambda m: pkcs1(key, m))
    yield Case("a signature with another hash than the key's", False, rsa_public(key, RSASSA, SHA256),
               lambda m: tpmt(RSASSA, SHA384, pkcs1(key, m, SHA384)), SHA384)
    yield Case("a public area with exponent 3", False, rsa_public(key, exponent=3), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)))
    for what, attributes in (("unrestricted", 0x00040072), ("not fixed to its TPM", 0x00050070), ("imported", 0x00050052), ("that also decrypts", 0x00070072)):
        yield Case(f"a key {what}", False, rsa_public(key, attributes=attributes), lambda m: tpmt(RSASSA, SHA256, pkcs1(key, m)))
    yield Case("ECDSA's numbers for an RSA key", False, p, lambda m: tpmt(ECDSA, SHA256, number(1 << 255), number(1 << 254)))


def ec_rows():
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
    keys = {name: ec.generate_private_key(curve()) for name, curve in curves.items()}
    for name, key in keys.items():
        p, width = pem(key), (key.curve.key_size + 7) // 8
        for hash_id in (SHA256, SHA384, SHA512):
            yield Case(f"{name}, {NAMES[hash_id]}", True, p, lambda m, k=key, h=hash_id, w=width: ecdsa(k, m, h, width=w), hash_id)
        # FIPS 186-5, 6.4: r and s are in [1, n - 1], and nothing says in which half: (r, n - s) is as good. TPMs do not normalise.
        yield Case(f"{name}, low s", True, p, lambda m, k=key: ecdsa(k, m, change=lambda r, s, n: (r, min(s, n - s))))
        yield Case(f"{name}, high s", True, p, lambda m, k=key: ecdsa(k, m, change=lambda r, s, n: (r, max(s, n - s))))
        for what, change in (("r = n", lambda r, s, n: (n, s)), ("s = n", lambda r, s, n: (r, n)), ("r = 0", lambda r, s, n: (0, s)),
                             ("s = 0", lambda r, s, n: (r, 0)), ("r and s 0", lambda r, s, n: (0, 0)), ("r and s 1", lambda r, s, n: (1, 1)),
                             ("r + n", lambda r, s, n: (r + n, s)), ("s + n", lambda r, s, n: (r, s + n)), ("r = s = n", lambda r, s, n: (n, n)),
                             ("n - r", lambda r, s, n: (n - r, s)), ("r and s swapped", lambda r, s, n: (s, r)),
                             ("all ones", lambda r, s, n: ((1 << n.bit_length()) - 1,) * 2)):
            yield Case(f"{name}, {what}", False, p, lambda m, k=key, c=change: ecdsa(k, m, change=c))
        yield Case(f"{name}, a hash that is not the signed one", False, p, lambda m, k=key: ecdsa(k, m, SHA256, stated=SHA384), SHA384)
        yield Case(f"{name}, a coordinate longer than the curve", False, p, lambda m, k=key, w=width: ecdsa(k, m, width=w + 1))
        yield Case(f"{name}, DER as tpm2_quote -f plain writes it", True, p,
                   lambda m, k=key: k.sign(m, ec.ECDSA(hashes.SHA256())))
        yield Case(f"{name}, both numbers bare", True, p, lambda m, k=key, w=width: b"".join(number(x, w) for x in rs(k, m)))
        yield Case(f"{name}, both numbers bare and swapped", False, p, lambda m, k=key, w=width: b"".join(number(x, w) for x in reversed(rs(k, m))))
    key = keys["P-256"]
    p = pem(key)

    def sequence(m, change):
        return change(*rs(key, m))
    for what, change in (("a byte behind it", lambda r, s: der(0x30, der_int(r) + der_int(s)) + b"\0"),
                         ("a third number", lambda r, s: der(0x30, der_int(r) + der_int(s) + der_int(1))),
                         ("a number that is not minimal", lambda r, s: der(0x30, der(2, b"\0\0" + number(r)) + der_int(s))),
                         ("a negative number", lambda r, s: der(0x30, der(2, b"\xff" + number(r)) + der_int(s))),
                         ("an empty number", lambda r, s: der(0x30, der(2, b"") + der_int(s))),
                         ("a length in BER's long form", lambda r, s: b"\x30\x81" + bytes([len(der_int(r) + der_int(s))]) + der_int(r) + der_int(s)),
                         ("no definite length", lambda r, s: b"\x30\x80" + der_int(r) + der_int(s) + b"\0\0")):
        yield Case(f"DER with {what}", False, p, lambda m, c=change: sequence(m, c))
    yield Case("DER in the place of r", False, p, lambda m: tpmt(ECDSA, SHA256, key.sign(m, ec.ECDSA(hashes.SHA256())), b"\1"))
    yield Case("both numbers in the place of r", False, p, lambda m: tpmt(ECDSA, SHA256, b"".join(number(x, 32) for x in rs(key, m)), b""))
    yield Case("only r", False, p, lambda m: tpmt(ECDSA, SHA256, number(rs(key, m)[0], 32)))
    yield Case("RSASSA for an EC key", False, p, lambda m: tpmt(RSASSA, SHA256, b"\1" * 256))
    yield Case("another key of the curve", False, p, lambda m: ecdsa(ec.generate_private_key(ec.SECP256R1()), m))
    for hash_id in (SHA1, SM3, SHA3):
        yield Case(f"hash 0x{hash_id:04x}", False, p, lambda m, h=hash_id: ecdsa(key, m, SHA256, stated=h))
    # Other curves, and points that are none.
    for curve in (ec.SECP192R1, ec.SECP224R1, ec.SECP256K1, ec.BrainpoolP256R1, ec.BrainpoolP384R1):
        try:
            other = ec.generate_private_key(curve())
        except Exception:  # a library without it
            continue
        yield Case(f"curve {curve.name}", False, pem(other), lambda m, k=other: ecdsa(k, m))
    edwards = ed25519.Ed25519PrivateKey.generate()
    yield Case("an Ed25519 key", False, pem(edwards), lambda m: tpmt(ECDSA, SHA256, edwards.sign(m)[:32], edwards.sign(m)[32:]))
    numbers = key.public_key().public_numbers()
    x, y = number(numbers.x, 32), number(numbers.y, 32)
    for what, point in (("not on the curve", b"\4" + x + number(numbers.y ^ 1, 32)), ("at infinity", b"\0"), ("0, 0", b"\4" + bytes(64)),
                        ("of which only x is there", bytes([2 + numbers.y % 2]) + x), ("in the hybrid form", bytes([6 + numbers.y % 2]) + x + y),
                        ("past the field's prime", b"\4" + b"\xff" * 64), ("cut by a byte", b"\4" + x + y[:-1])):
        yield Case(f"a point {what}", False, as_pem(spki(EC_P256, point)), lambda m: ecdsa(key, m))
    yield Case("a P-256 point under P-384's name", False, as_pem(spki(bytes.fromhex("301006072a8648ce3d020106052b81040022"), b"\4" + x + y)),
               lambda m: ecdsa(key, m))
    yield Case("TPM2B_PUBLIC of a restricted key", True, ec_public(key), lambda m: ecdsa(key, m), portable_key=p)
    yield Case("a signature with another hash than the key's", False, ec_public(key, SHA256), lambda m: ecdsa(key, m, SHA384), SHA384)
    yield Case("the same, bare", False, ec_public(key, SHA256), lambda m: key.sign(m, ec.ECDSA(hashes.SHA384())), SHA384)
    for what, attributes in (("unrestricted", 0x00040072), ("not fixed to its TPM", 0x00050070), ("imported", 0x00050052)):
        yield Case(f"a key {what}", False, ec_public(key, attributes=attributes), lambda m: ecdsa(key, m))


class Trial:
    def __init__(self, boot, folder):
        self.boot, self.folder, self.export, self.n = boot, folder, os.environ.get("TRUEBOOT_ATTACK_EXPORT"), {}
        with open(f"{folder}/reference.pack", "w", encoding="ascii") as file:
            file.write("trueboot-reference 2\nname\tempty: the machine is made up\n")

    def put(self, folder, files):
        os.makedirs(folder, exist_ok=True)
        for name, content in {**self.boot.files, **files}.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)

    def ask(self, command, *more):
        f = self.folder
        run = subprocess.run([TRUEBOOT, *command, "--quote", f"{f}/quote.msg", "--signature", f"{f}/quote.sig", "--ak", f"{f}/ak", "--nonce",
                              self.boot.nonce.hex(), "--pcrs", f"{f}/pcrs.json", "-o", "json", *more], capture_output=True, text=True, timeout=60)
        return run.returncode, run.stdout, run.stderr

    def answers(self, case):
        attest = self.boot.attest(case.hash_id)
        signature = case.signature(attest)
        self.put(self.folder, {"quote.msg": attest, "quote.sig": signature, "ak": case.key})
        return (self.ask(["quote", "verify"]),
                self.ask(["verify"], "--log", f"{self.folder}/log-1", "--required-pcrs", "0-23", "--data", f"{self.folder}/reference.pack"))

    def holds(self, case):
        """None, or what was wrong with the answers."""
        quote, whole = self.answers(case)
        if case.sound:
            fine = quote[0] == 0 and whole[0] == 0 and json.loads(whole[1])["verdict"] == "Healthy" and json.loads(quote[1])["verified"] is True
        else:  # refused with findings, or the key is none: an error in one sentence
            fine = all(code == 10 and json.loads(out)["findings"] or code in (1, 2) and not out and error.strip() for code, out, error in (quote, whole))
        return None if fine else f"{case.what}: `quote verify` {quote[0]} {quote[2]}, `verify` {whole[0]} {whole[2]}"

    def write(self, test, case):
        """As export.c does; keys that only a TPM's public area tells apart are of no use to others."""
        key = case.pem or case.key
        attest = self.boot.attest(case.hash_id)
        signature = case.signature(attest)
        if not self.export or case.ours or not key.startswith(b"-----") or signature[:2] not in map(u16, (RSASSA, RSAPSS, ECDSA)):
            return
        self.n[test] = self.n.get(test, 0) + 1
        told = {"test": test, "expect": "healthy" if case.sound else "not healthy",
                "given": {"akTrusted": True, "requiredRegisters": "0-23", "acceptedBoot": None}, "logs": ["log-1"],
                "findings": [] if case.sound else ["quote.signature"]}
        self.put(f"{self.export}/{test}/{self.n[test]}", {"quote.msg": attest, "quote.sig": signature, "ak.pem": key,
                                                          "case.json": json.dumps(told, indent=1).encode()})


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/base")
        trial = Trial(Boot(f"{folder}/base"), folder)
        rows = {("Q9_rsa_keys_and_signatures_count_exactly_as_far_as_their_standards_go", "rsa"): list(rsa_rows()),
                ("Q9_elliptic_keys_and_signatures_count_exactly_as_far_as_their_standards_go", "ec"): list(ec_rows())}
        for (test, _), cases in rows.items():
            wrong = []
            for case in cases:
                answer = trial.holds(case)
                if answer:
                    wrong.append(answer)
                trial.write(test, case)
            if wrong:  # before its line, as the tests in C do: tools/attack_suite shows it with its row
                tap.note("\n".join(wrong))
            tap.check(not wrong, test)
    return tap.done()


sys.exit(main())
