"""From personal codes to network pseudonyms: in batches, each proven, kept and synced before the next is asked for.

It can stop anywhere and be called again with the same rows: donors that have a pseudonym are passed over. What is lost
is at most the batches under way. Blinds are never written down (see `blinding`), so those begin anew.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from talka_keys import suite
from talka_node.pseudonyms import blinding
from talka_node.pseudonyms.client import Answer, Epoch, Refused, Unreachable
from talka_node.pseudonyms.personal import Code
from talka_node.pseudonyms.table import PSEUDONYM_BYTES, Table

BATCH = 1024
ATTEMPTS = 4  # of one batch, when the key server does not answer
PAUSE = 1.0  # seconds before the second attempt, twice as many before each further one


class Evaluates(Protocol):
    """A key server, as far as this module needs one."""

    def epochs(self) -> list[Epoch]: ...

    def evaluate(self, epoch: int, blinded: Sequence[bytes]) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Done:
    """`named`: donors that got a pseudonym; `before`: those that had one."""

    epoch: int
    named: int
    before: int


class Namer:
    """Turns codes into pseudonyms of one epoch: the newest that is open, unless another is asked for.

    The epoch's public key is pinned in the table at first use.
    """

    def __init__(
        self, server: Evaluates, table: Table, epoch: int | None = None, *, pause: float = PAUSE
    ) -> None:
        announced = [each for each in server.epochs() if each.is_open and epoch in (None, each.number)]
        if not announced:
            raise LookupError(
                f"the key server has no open epoch{'' if epoch is None else f' {epoch}'};"
                " ask its operator which one is in use"
            )
        self.epoch = announced[-1].number
        self.public_key = announced[-1].public_key
        self._server = server
        self._table = table
        self._pause = pause
        table.begin(self.epoch, self.public_key)

    def pseudonyms(self, codes: Sequence[Code]) -> list[bytes]:
        """The pseudonyms of at most 4,096 codes, which are wiped, however it ends. BadProof where the key server's
        answer does not hold: then there is none of them."""
        try:
            return self.names([code.digits for code in codes])
        finally:
            for code in codes:
                code.wipe()

    def names(self, inputs: Sequence[suite.Bytes]) -> list[bytes]:
        """The same for any inputs. What is no code begins with a word that says what it is."""
        blinds = [blinding.blind(each) for each in inputs]
        blinded = [element for _, element in blinds]
        answer = self._ask(blinded)
        try:
            blinding.check(self.public_key, blinded, answer.evaluated, answer.proof)
        except suite.BadProof as error:
            raise suite.BadProof(
                f"epoch {self.epoch}, a batch of {len(inputs)}: {error}; nothing of it was kept"
            ) from None
        self._table.note_head(*answer.head)
        return [
            blinding.finish(each, blind, element)[:PSEUDONYM_BYTES]
            for each, (blind, _), element in zip(inputs, blinds, answer.evaluated, strict=True)
        ]

    def _ask(self, blinded: Sequence[bytes]) -> Answer:
        """The same elements again when no answer came: the key server charges them once."""
        for attempt in range(ATTEMPTS):
            try:
                return self._server.evaluate(self.epoch, blinded)
            except Unreachable:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(self._pause * 2**attempt)
        raise AssertionError("not reached: the last attempt returns or raises")

    def name(
        self,
        rows: Iterable[tuple[int, Code]],
        *,
        batch: int = BATCH,
        workers: int = 1,
        anew: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> Done:
        """Gives the donors of `rows` their pseudonyms. `anew`: also those that have one, whose code may have changed.

        `workers` batches are under way at once; libsodium computes outside Python's lock. `progress` is told how many
        donors are done. What `rows` holds is wiped as it is used. Refused and BadProof leave what was done before.
        """
        if not 0 < batch <= suite.REQUEST:
            raise ValueError(f"a batch has 1 to {suite.REQUEST} codes, not {batch}")
        known = set() if anew else self._table.donors(self.epoch)
        before = named = 0
        todo: list[tuple[int, Code]] = []
        under_way: deque[tuple[list[int], Future[list[bytes]]]] = deque()

        def keep() -> None:
            nonlocal named
            donors, future = under_way.popleft()
            self._table.add(self.epoch, zip(donors, future.result(), strict=True))
            named += len(donors)
            if progress:
                progress(before + named)

        with ThreadPoolExecutor(workers, thread_name_prefix="naming") as pool:

            def send() -> None:
                under_way.append(
                    ([donor for donor, _ in todo], pool.submit(self.pseudonyms, [code for _, code in todo]))
                )
                todo.clear()
                if len(under_way) == workers:
                    keep()

            try:
                for donor, code in rows:
                    if donor in known:
                        code.wipe()
                        before += 1
                        continue
                    todo.append((donor, code))
                    if len(todo) == batch:
                        send()
                if todo:
                    send()
            finally:
                for _, code in todo:
                    code.wipe()
                # Also when one batch failed: the others that were proven are kept.
                failures = []
                while under_way:
                    try:
                        keep()
                    except (Refused, Unreachable, suite.BadProof) as error:
                        failures.append(error)
            if failures:
                raise failures[0]
        return Done(self.epoch, named, before)
