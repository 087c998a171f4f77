"""A flow run says that it lives; an automation of the server marks one that fell silent as crashed.

Prefect's own heartbeat comes every 30 s at best, and a self-hosted server does nothing when it stops. A worker reports
the end of a process that it started, but not when it dies together with it, as in a power cut.
"""

import contextvars
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.events.utilities import emit_event
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import flow_run
from prefect.states import Running

log = logging.getLogger("flows.pulse")
EVENT = "improve-student.pulse"
EVERY_S = 10.0
SILENT_FOR = timedelta(seconds=35)
"""After three pulses that did not come. The server looks every few seconds, so that it is marked within 45 s."""
AUTOMATION = "improve-student: mark silent flow runs as crashed"
SILENT = "it fell silent: its process is gone"
ENDS = ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "Paused", "Suspended")


@contextmanager
def pulse() -> Iterator[None]:
    """Inside, this flow run says every ten seconds that it lives; from a thread, since the event loop may be busy."""
    done = threading.Event()
    key = str(flow_run.get_id())

    def beat() -> None:
        _say(key)
        while not done.wait(EVERY_S):
            _say(key)

    # in the flow's own context, which knows the server; without it, events would start one of their own
    thread = threading.Thread(target=contextvars.copy_context().run, args=(beat,), name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _say(key: str) -> None:
    """A server that is away hears the next one, and takes back that the run fell silent while nobody listened."""
    try:
        emit_event(event=EVENT, resource={"prefect.resource.id": f"prefect.flow-run.{key}"})
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(key)).state
            if state and state.is_crashed() and state.message == SILENT:
                client.set_flow_run_state(UUID(key), Running(message="it lives, and was not heard"), force=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next pulse must come
        log.warning("the server does not hear that this flow run lives: %s", error)


async def watch_pulses() -> None:
    """Have the server mark a flow run as crashed whose pulse stopped; asked twice, or at once, it does so once."""
    automation = Automation(
        name=AUTOMATION,
        description="Without it, a flow run that died together with its worker stays `Running` for ever.",
        trigger=EventTrigger(
            after={EVENT},
            expect={EVENT, *(f"prefect.flow-run.{state}" for state in ENDS)},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENT_FOR,
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, message=SILENT, force=False)],
    )
    async with get_client() as client:
        if not await client.read_automations_by_name(AUTOMATION):
            await automation.acreate()
            made = await client.read_automations_by_name(AUTOMATION)
            for another in sorted(made, key=lambda each: str(each.id))[1:]:  # made by who asked at the same time
                with _gone_is_fine():  # who asked at the same time takes the same ones away
                    await client.delete_automation(another.id)


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 404:
            raise
