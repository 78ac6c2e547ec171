#!/usr/bin/env python3
"""What must not wear a truebootd down: half-open and slow connections (S4), failing attestations (S9), a full disk, kill -9. Prints TAP.

usage: endurance.py BUILD_FOLDER"""
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serving import Server
from tap import ok, tap

BUILD = sys.argv[1]
API = "?api-version=2022-08-01"
IDLE, SLOW, FAILING = 1000, 50, 10000


def check_idle_connections(server):
    held = []
    for _ in range(IDLE):
        try:
            held.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))
        except OSError:
            break
    for i in range(SLOW):  # each has begun a TLS handshake, or sent garbage, and says a byte now and then
        s = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        s.sendall(b"\x16\x03\x01\x02" if i % 2 else b"GET / HTT")
        held.append(s)
    ok(f"{len(held)} connections stand idle or half open", len(held) >= 900)
    fine = 0
    for round_ in range(20):
        for s in held[-SLOW:]:
            try:
                s.sendall(b"x")
            except OSError:
                pass
        fine += server.ask("GET", "/servicehealth", timeout=15).status == 204
    ok("S4_beside_a_thousand_idle_and_half_open_connections_the_server_answers_everybody_else", fine == 20, fine)
    for s in held:
        s.close()
    for _ in range(100):
        if server.metrics()["trueboot_http_connections"] < 50:
            break
        time.sleep(0.2)
    ok("their places are free again", server.metrics()["trueboot_http_connections"] < 50)


def check_failing_attestations(server):
    bodies = [b'{"data":"e30"}', b"{", b'{"data":7}', json.dumps({"data": "eyJwYXlsb2FkIjp7InJlcXVlc3QiOiJhLmIuYyJ9fQ"}).encode(), b""]

    def send(n):
        connection = server.connection()
        for i in range(n):
            answer = server.send(connection, "POST", "/attest/" + ("Tpm" if i % 2 else "AzureGuest") + API, bodies[i % len(bodies)], None,
                                 {"Content-Type": "application/json"})
            statuses.add(answer.status)
        connection.close()

    statuses = set()
    send(500)
    before = server.metrics()
    threads = [threading.Thread(target=send, args=(FAILING // 4,)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    after = server.metrics()
    grown = after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]
    ok("they are all refused, none is an error of ours", statuses and all(400 <= s < 500 for s in statuses), statuses)
    ok("S9_ten_thousand_failing_attestations_leave_files_and_memory_flat",
       after["process_open_fds"] <= before["process_open_fds"] + 8 and grown < 8 * 1024 * 1024, (before["process_open_fds"],
                                                                                               after["process_open_fds"], grown))
    print(f"# memory grew by {grown / 1024:.0f} KiB, files from {before['process_open_fds']:.0f} to {after['process_open_fds']:.0f}")


def check_budget_under_attack(server):
    server.end()
    server.options = []
    server.start()
    flood = [0, 0]

    def attack():
        connection = server.connection()
        for _ in range(1500):
            answer = server.send(connection, "POST", "/attest/Tpm" + API, b'{"data":"e30"}', None, {"Content-Type": "application/json"})
            flood[answer.status == 429] += 1
        connection.close()

    threads = [threading.Thread(target=attack) for _ in range(2)]
    for t in threads:
        t.start()
    fine = [server.ask("GET", "/certs").status for _ in range(10)]
    for t in threads:
        t.join()
    ok("S15_a_flood_from_one_address_is_cut_to_its_budget_and_others_are_served", flood[1] > 2000 and fine == [200] * 10, (flood, fine))


def check_full_disk(server, folder):
    """RLIMIT_FSIZE stands in for a full disk: the audit log's file cannot grow beyond it; the database is smaller."""
    server.end()
    server.options = ["--set", "audit.on_failure=refuse"]
    audit = max(os.path.getsize(os.path.join(server.data, "audit", f)) for f in os.listdir(os.path.join(server.data, "audit")))
    database = max(os.path.getsize(os.path.join(server.data, f)) for f in os.listdir(server.data) if f.startswith("trueboot.db"))
    if not ok("the audit log is the largest file, so that it alone meets the limit", audit >= database + 200000, (audit, database)):
        return
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (audit + 4000, was[1]))
    try:
        started = server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
        signal.signal(signal.SIGXFSZ, old_handler)
    if not ok("the server starts with little room left", started, server.logged()[-300:]):
        return
    statuses = [server.ask("GET", "/certs").status for _ in range(30)]
    ok("when its audit log is full it goes on answering", statuses == [200] * 30, statuses)
    metrics = server.metrics()
    ok("and counts what is missing", metrics["trueboot_audit_lost_total"] > 5 and metrics["trueboot_audit_failing"] == 1)
    answer = server.local("POST", "/v1/tokens", {"name": "x", "role": "reader"})
    ok("changes are refused meanwhile, where the settings say so", answer.status == 503 and "audit log" in answer.error(), answer.content)
    health = server.ask("GET", "/healthz")
    ok("readiness says why", health.status == 503 and "audit" in health.content.decode(), health.content)
    ok("the server's log says it once", server.logged().count("those that are missing are counted") == 1)
    server.end()
    code, out, err = server.command("audit", "verify", "--data", server.data, "-o", "json")
    ok("what is there still holds", code == 0, out + err)


def check_kills(server):
    server.options = ["--set", "limits.attest_per_second=0"]
    for _ in range(3):
        server.start()
        stop = False

        def load():
            connection = server.connection()
            while not stop:
                try:
                    server.send(connection, "GET", "/certs", None, None, None)
                except OSError:
                    return

        thread = threading.Thread(target=load)
        thread.start()
        time.sleep(0.5)
        server.end(signal.SIGKILL)
        stop = True
        thread.join()
    ok("it starts after each kill -9", server.start(), server.logged()[-300:])
    server.end()
    code, out, err = server.command("audit", "verify", "--data", server.data, "-o", "json")
    ok("and the audit log holds", code == 0, out + err)


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    folder = tempfile.mkdtemp(prefix="trueboot-endurance-")
    server = Server(BUILD, folder, "--set", "limits.attest_per_second=0", "--set", "limits.requests_per_second=0")
    try:
        if ok("the server starts", server.start(), server.logged()):
            check_idle_connections(server)
            check_failing_attestations(server)
            check_budget_under_attack(server)
            check_full_disk(server, folder)
            check_kills(server)
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
    return tap.done()


sys.exit(main())
