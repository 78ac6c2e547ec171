#!/usr/bin/env python3
"""Ports for the servers that tests start. Not a test itself; run as a program it prints one.

A server of ours binds its port after the test has chosen it, and keeps it when it is started again. What the kernel would choose can be anybody's by then:
another test's, or a client's. So it is one below the kernel's own (ip_local_port_range), and an abstract socket's name, which goes with its process, tells
other tests that it is taken."""
import random
import socket

TESTS, SCRIPTS = range(20000, 30000), range(30000, 32768)
held = []


def free_port(among=TESTS):
    for port in random.sample(among, 100):
        name, listener = socket.socket(socket.AF_UNIX), socket.socket()
        try:
            name.bind(f"\0trueboot-test-port-{port}")
            listener.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        finally:
            listener.close()
        held.append(name)
        return port
    raise RuntimeError("a hundred ports are in use")


if __name__ == "__main__":
    print(free_port(SCRIPTS))
