#!/usr/bin/env python3
"""Runs one PETALS server under a supervisor that may move its blocks while it runs.

    python run_server.py [--orders] PETALS_FLAGS...

Without --orders this is `petals.cli.run_server` next to a current torch, nothing more. With it:

* each line of standard input is an order, `{"epoch": 3, "first_block": 4, "block_count": 2, "cache_bytes": 1048576}`.
  The server shuts its blocks down, loads the ordered ones and sizes the cache, within the same process
  and under the same identity; `block_count` 0 holds nothing until the next order. The newest order wins;
* each line of standard output that begins with `daisychain ` is an event as JSON:
  `{"event": "started", "addresses": [...]}` once, then for each order that was carried out
  `{"event": "ready", "epoch": 3}`, or `{"event": "failed", "epoch": 3, "reason": "..."}`;
* the end of standard input ends the server: it never outlives its supervisor.

SIGTERM and SIGINT end it in order, with its blocks announced as offline.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass

import petals_compat  # noqa: F401  (before petals)

import petals.cli.run_server as cli  # noqa: E402
from petals.server.server import Server  # noqa: E402

# How long the server may take to end in order before its process group is killed, seconds.
END_SECONDS = 10
MAX_ORDER_BYTES = 10_000


@dataclass(frozen=True)
class Order:
    epoch: int
    first_block: int
    block_count: int
    cache_bytes: int


class Orders:
    """The newest order, and the stop. Stands in for the server's stop event, so that an order wakes its loop."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest = None
        self._is_stopped = False
        self.serving = None
        self._reported = None

    def give(self, order: Order) -> None:
        with self._changed:
            self._newest = order
            self._changed.notify_all()

    def take(self):
        """Blocks until an order with blocks is there; None after the stop."""
        with self._changed:
            while not self._is_stopped:
                order = self._newest
                if order is not None and order.block_count > 0:
                    self.serving = order
                    return order
                self.serving = None
                if order is not None and self._reported is not order:
                    self._reported = order
                    tell({"event": "ready", "epoch": order.epoch})
                self._changed.wait()
            return None

    def has_news(self) -> bool:
        with self._changed:
            return self._is_news()

    def withdraw(self, order: Order) -> None:
        """An order that failed is not tried again."""
        with self._changed:
            if self._newest is order:
                self._newest = None

    def _is_news(self) -> bool:
        newest, serving = self._newest, self.serving
        if newest is None or newest is serving:
            return False
        if serving is not None and (newest.first_block, newest.block_count, newest.cache_bytes) == (
            serving.first_block,
            serving.block_count,
            serving.cache_bytes,
        ):
            self.serving = newest
            return False
        return True

    # What Server.run() uses of threading.Event.

    def wait(self, timeout=None) -> bool:
        with self._changed:
            # The loop waits for the first time after its blocks accept requests.
            if self.serving is not None and not self._is_news() and self._reported is not self.serving:
                self._reported = self.serving
                tell({"event": "ready", "epoch": self.serving.epoch})
            if not self._is_stopped and not self._is_news():
                self._changed.wait(timeout)
            if not self._is_news() and self.serving is not None and self._reported is not self.serving:
                self._reported = self.serving
                tell({"event": "ready", "epoch": self.serving.epoch})
            return self._is_stopped

    def set(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def is_set(self) -> bool:
        return self._is_stopped


class OrderedServer(Server):
    """A server whose blocks are chosen by its supervisor."""

    orders = Orders()

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.stop = self.orders
        # How often the loop looks after its subprocesses.
        self.mean_balance_check_period = 5
        tell({"event": "started", "addresses": [str(address) for address in self.dht.get_visible_maddrs()]})

    def run(self) -> None:
        while not self.orders.is_set():
            try:
                super().run()
            except Stopped:
                return
            except Exception as error:
                order = self.orders.serving
                if order is None or self.orders.is_set():
                    raise
                tell({"event": "failed", "epoch": order.epoch, "reason": f"{type(error).__name__}: {error}"[:500]})
                self.orders.withdraw(order)
                self.module_container = None

    def _choose_blocks(self):
        order = self.orders.take()
        if order is None:
            raise Stopped()
        self.num_blocks = order.block_count
        self.attn_cache_bytes = order.cache_bytes
        return range(order.first_block, order.first_block + order.block_count)

    def _should_choose_other_blocks(self) -> bool:
        return self.orders.has_news()


class Stopped(Exception):
    pass


def tell(event: dict) -> None:
    sys.stdout.write(f"daisychain {json.dumps(event)}\n")
    sys.stdout.flush()


def take_standard_input() -> int:
    """
    A descriptor of the orders. Python's own object for standard input is put out of the way: a thread
    that waits in it holds a lock, on which every forked process would hang when it closes its copy.
    """
    orders = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(os.devnull)
    return orders


def read_orders(descriptor: int) -> None:
    pending = b""
    while True:
        received = os.read(descriptor, MAX_ORDER_BYTES)
        if not received or len(pending) > MAX_ORDER_BYTES:
            break
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            take_order(line)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(END_SECONDS)
    kill_group()


def take_order(line: bytes) -> None:
    try:
        fields = json.loads(line)
        names = ("epoch", "first_block", "block_count", "cache_bytes")
        OrderedServer.orders.give(Order(*(int(fields[name]) for name in names)))
    except (ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"run_server: a line of standard input is no order: {error}\n")


def kill_group() -> None:
    """Ends what is left of this server. It leads its own process group when a supervisor started it."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def interrupt(_number, _frame) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Timer(END_SECONDS, kill_group).start()
    OrderedServer.orders.set()
    raise KeyboardInterrupt


def main() -> None:
    petals_compat.without_version_check()
    if "--orders" in sys.argv:
        sys.argv.remove("--orders")
        if not any(flag in sys.argv for flag in ("--num_blocks", "--block_indices")):
            sys.argv += ["--num_blocks", "1"]
        cli.Server = OrderedServer
        threading.Thread(target=read_orders, args=(take_standard_input(),), daemon=True).start()
    random.seed()
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    cli.main()
    # Whatever thread or process is left must not keep the port.
    sys.stdout.flush()
    kill_group() if os.getpgrp() == os.getpid() else os._exit(0)


if __name__ == "__main__":
    main()
