"""The errors of OpenAI's own Python package, each out of a running dispatcher, and its own retries.

Arguments: the base address of a dispatcher with `scheduling.cache: slots` and `scheduling.queue_limit: 1`, its key,
and the process to stop in the last check. Prints one line per check and ends with 1 at the first that fails.
"""

import os
import signal
import sys
import threading
import time
import urllib.request

import httpx2
import openai

ADDRESS, KEY, PROCESS = sys.argv[1].rstrip("/"), sys.argv[2], int(sys.argv[3])
LONG = {"model": "default", "prompt": "It is", "max_tokens": 490, "temperature": 0, "stream": True}
SHORT = {"model": "default", "prompt": "It is", "max_tokens": 2}
SOON_SECONDS = 10


def client_of(**options):
    return openai.OpenAI(base_url=f"{ADDRESS}/v1", **{"api_key": KEY, "max_retries": 0, **options})


client = client_of()


def metric(prefix):
    lines = urllib.request.urlopen(f"{ADDRESS}/metrics").read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(prefix))


def until(condition):
    end = time.monotonic() + SOON_SECONDS
    while not condition():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.02)


def failure_of(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def hold_every_slot():
    return [client.completions.create(**LONG) for _ in range(int(metric("daisychain_chain_slots{")))]


class Recorder(httpx2.HTTPTransport):
    """Remembers when it sent, and what came back; calls `on_refusal` once it was refused."""

    def __init__(self, on_refusal=lambda: None):
        super().__init__()
        self.sent, self.statuses, self.on_refusal = [], [], on_refusal

    def handle_request(self, request):
        self.sent.append(time.monotonic())
        response = super().handle_request(request)
        self.statuses.append(response.status_code)
        if response.status_code == 429:
            self.on_refusal()
        return response


def wrong_key():
    recorder = Recorder()
    stranger = client_of(api_key="key-of-somebody-else", max_retries=2, http_client=httpx2.Client(transport=recorder))
    error = failure_of(openai.AuthenticationError, lambda: stranger.completions.create(**SHORT))
    assert error.code == "invalid_api_key" and error.type == "authentication_error", error
    assert recorder.statuses == [401], recorder.statuses
    assert client.models.retrieve("default").id == "tiny-austen"


def full_queue():
    running = hold_every_slot()
    waiting = threading.Thread(target=lambda: client.completions.create(**{**LONG, "stream": False}))
    waiting.start()
    until(lambda: metric("daisychain_queue_length") == 1)

    error = failure_of(openai.RateLimitError, lambda: client.completions.create(**SHORT))
    assert error.code == "queue_full" and error.type == "rate_limit_error", error
    wait_ms = int(error.response.headers["retry-after-ms"])
    assert 0 < wait_ms <= 120_000, wait_ms
    assert int(error.response.headers["retry-after"]) == -(-wait_ms // 1000)

    recorder = Recorder(on_refusal=lambda: [stream.close() for stream in running])
    patient = client_of(max_retries=2, http_client=httpx2.Client(transport=recorder))
    assert patient.completions.create(**SHORT).usage.completion_tokens == 2
    assert recorder.statuses == [429, 200], recorder.statuses
    assert recorder.sent[1] - recorder.sent[0] >= 0.1
    waiting.join()


def late_deadline():
    running = hold_every_slot()
    recorder = Recorder()
    hurried = client_of(max_retries=2, http_client=httpx2.Client(transport=recorder))
    error = failure_of(
        openai.APIStatusError,
        lambda: hurried.completions.create(**SHORT, extra_headers={"x-daisychain-deadline-ms": "30"}),
    )
    assert error.status_code == 408 and error.code == "deadline_exceeded" and error.type == "timeout_error", error
    assert recorder.statuses == [408], recorder.statuses
    for stream in running:
        stream.close()


def draining():
    running = client.completions.create(**LONG)
    next(iter(running))
    os.kill(PROCESS, signal.SIGTERM)
    error = None

    def is_draining():
        nonlocal error
        try:
            client.completions.create(**SHORT)
        except openai.InternalServerError as thrown:
            error = thrown
        return error is not None

    until(is_draining)
    assert error.status_code == 503 and error.code == "draining", error
    assert int(error.response.headers["retry-after"]) > 0
    try:
        for _ in running:
            pass
    except openai.APIError as thrown:
        assert thrown.code == "draining", thrown

    def is_gone():
        try:
            client.completions.create(**SHORT)
        except openai.APIConnectionError:
            return True
        except openai.InternalServerError:
            return False
        return False

    until(is_gone)


for check in [wrong_key, full_queue, late_deadline, draining]:
    try:
        check()
    except Exception as error:  # noqa: BLE001: whatever it is, the check failed
        print(f"FAILED {check.__name__}: {type(error).__name__}: {error}", flush=True)
        os._exit(1)
    print(f"ok {check.__name__}", flush=True)
