"""A flow run says that it lives; an automation of the server marks one that fell silent as crashed.

Prefect's own heartbeat comes every 30 s at best, and a self-hosted server does nothing when it stops. A worker reports
the end of a process that it started, but not when it dies together with it, as in a power cut.
"""

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.events.utilities import emit_event
from prefect.runtime import flow_run

EVENT = "improve-student.pulse"
EVERY_S = 10.0
SILENT_FOR = timedelta(seconds=35)
"""After three pulses that did not come. The server looks every few seconds, so that it is marked within 45 s."""
AUTOMATION = "improve-student: mark silent flow runs as crashed"
ENDS = ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "Paused", "Suspended")


@contextmanager
def pulse() -> Iterator[None]:
    """Inside, this flow run says every ten seconds that it lives; from a thread, since the event loop may be busy."""
    done = threading.Event()
    resource = {"prefect.resource.id": f"prefect.flow-run.{flow_run.get_id()}"}

    def beat() -> None:
        emit_event(event=EVENT, resource=resource)
        while not done.wait(EVERY_S):
            emit_event(event=EVENT, resource=resource)

    # in the flow's own context, which knows the server; without it, events would start one of their own
    thread = threading.Thread(target=contextvars.copy_context().run, args=(beat,), name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


async def watch_pulses() -> None:
    """Have the server mark a flow run as crashed whose pulse stopped; asked twice, it does so once."""
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
        actions=[
            ChangeFlowRunState(
                name=None, state=StateType.CRASHED, message="it fell silent: its process is gone", force=False
            )
        ],
    )
    async with get_client() as client:
        known = await client.read_automations_by_name(AUTOMATION)
    if not known:
        await automation.acreate()
