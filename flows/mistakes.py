"""Which errors are a user's or the world's to mend, how they are said, and the exit code they end with."""

from agents.kinds import SourceError
from agents.teacher import BudgetSpent
from agents.troubles import TeacherUnavailable
from flows.local_server import NoServer, ServerFailed
from flows.timing import TimingError
from orchestrator.cycle import AlreadyRunning
from orchestrator.datasets import NoLessons
from orchestrator.examination.decontamination import ExamLeaked
from orchestrator.examination.evaluation import ExamSealed
from orchestrator.examination.hearings import JudgeRefused
from orchestrator.machine import MachineError
from orchestrator.merged import ParityFailed
from orchestrator.preflight import UnreadableRows
from orchestrator.recipe import RecipeError
from orchestrator.serving import NoEngine
from orchestrator.tape_file import TapeError
from orchestrator.terms import TermsError
from orchestrator.trial import TrialError
from orchestrator.worker_process import WorkerFailed
from storage.store import StoreError


class NothingThere(Exception):
    """There is nothing to show yet; the message says how it comes to be."""


USAGE, INTERRUPTED = 2, 3
MISTAKES = (
    AlreadyRunning,
    BudgetSpent,
    ExamLeaked,
    ExamSealed,
    JudgeRefused,
    KeyboardInterrupt,
    MachineError,
    NoEngine,
    NoLessons,
    NoServer,
    NothingThere,
    OSError,
    ParityFailed,
    RecipeError,
    ServerFailed,
    SourceError,
    StoreError,
    TapeError,
    TeacherUnavailable,
    TermsError,
    TimingError,
    TrialError,
    UnreadableRows,
    WorkerFailed,
)


def explain(error: BaseException) -> tuple[str, int]:
    """(message, exit code): 3 where the same command goes on once the cause is gone, 2 for anything else."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; nothing paid for is lost: the same command goes on where it stopped", INTERRUPTED
    if isinstance(error, BudgetSpent):
        return str(error), INTERRUPTED
    if isinstance(error, TeacherUnavailable | WorkerFailed | ServerFailed):
        return f"{error}\nWhat is done is kept; the same command goes on where it stopped.", INTERRUPTED
    if isinstance(error, FileNotFoundError):
        return f"No such file: {error.filename}", USAGE
    if isinstance(error, OSError):
        what = f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
        return f"{what}; make room or grant access, and type the same command again: what is done is kept", USAGE
    return str(error), USAGE
