"""Which errors are a user's or the world's to mend, how they are said, and the exit code they end with."""

from agents.kinds import SourceError
from agents.teacher import BudgetSpent
from agents.troubles import TeacherUnavailable
from flows.local_server import NoServer, ServerFailed
from flows.timing import TimingError, UnfitName
from orchestrator.beginning import CannotBegin
from orchestrator.cycle import AlreadyRunning
from orchestrator.datasets import NoLessons
from orchestrator.examination.decontamination import ExamLeaked
from orchestrator.examination.evaluation import ExamSealed
from orchestrator.examination.hearings import JudgeRefused
from orchestrator.locks import LockError
from orchestrator.machine import MachineError
from orchestrator.merged import ParityFailed
from orchestrator.preflight import UnreadableRows
from orchestrator.recipe import RecipeError
from orchestrator.reviewing import WaitingForReview
from orchestrator.serving import NoEngine
from orchestrator.tape_file import TapeError
from orchestrator.terms import TermsError
from orchestrator.trial import TrialError
from orchestrator.withdrawals import StillWithdrawn, Superseded
from orchestrator.worker_process import WorkerFailed
from storage.store import StoreError


class NothingThere(Exception):
    """There is nothing to show yet; the message says how it comes to be."""


class Misnamed(Exception):
    """A name for a reviewer that is none; the message says what one looks like."""


USAGE, INTERRUPTED = 2, 3
MISTAKES = (
    AlreadyRunning,
    BudgetSpent,
    CannotBegin,
    ExamLeaked,
    ExamSealed,
    JudgeRefused,
    KeyboardInterrupt,
    LockError,
    MachineError,
    Misnamed,
    NoEngine,
    NoLessons,
    NoServer,
    NothingThere,
    OSError,
    ParityFailed,
    RecipeError,
    ServerFailed,
    SourceError,
    StillWithdrawn,
    StoreError,
    Superseded,
    TapeError,
    TeacherUnavailable,
    TermsError,
    TimingError,
    TrialError,
    UnfitName,
    UnreadableRows,
    WaitingForReview,
    WorkerFailed,
)


def explain(error: BaseException) -> tuple[str, int]:
    """(message, exit code): 3 where the same command goes on once the cause is gone, 2 for anything else."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; nothing paid for is lost: the same command goes on where it stopped", INTERRUPTED
    if isinstance(error, BudgetSpent | Superseded | WaitingForReview):
        return str(error), INTERRUPTED
    if isinstance(error, TeacherUnavailable | WorkerFailed | ServerFailed):
        return f"{error}\nWhat is done is kept; the same command goes on where it stopped.", INTERRUPTED
    if isinstance(error, FileNotFoundError):
        return f"No such file: {error.filename}", USAGE
    if isinstance(error, OSError):
        what = f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
        return f"{what}; make room or grant access, and type the same command again: what is done is kept", USAGE
    return str(error), USAGE
