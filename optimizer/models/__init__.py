"""What is true: one file a subject."""

from optimizer.models.candidates import Candidate, Evaluation, LLMCall, Mark, Split
from optimizer.models.datasets import Dataset, DatasetVersion, Example, Upload
from optimizer.models.examples import HandSplit
from optimizer.models.feedback import Feedback
from optimizer.models.learning import OperatorPrior
from optimizer.models.log import SessionEvent
from optimizer.models.metrics import SystemMetric
from optimizer.models.prompts import Prompt, PromptStatus
from optimizer.models.ratings import OutputRating
from optimizer.models.sessions import OptimizationSession
from optimizer.models.states import ACTIVE, Chosen, SessionStatus
from optimizer.models.templates import PromptTemplate
from optimizer.models.users import Preference, Theme, User
from optimizer.models.versions import LabelMove, TemplateLabel, TemplateVersion, VersionSource
from optimizer.models.workspaces import Membership, Role, Workspace

__all__ = [
    "ACTIVE", "Candidate", "Chosen", "Dataset", "DatasetVersion", "Evaluation", "Example", "Feedback", "HandSplit",
    "LLMCall", "LabelMove", "Mark", "Membership", "OperatorPrior", "OptimizationSession", "OutputRating",
    "Preference", "Prompt", "PromptStatus", "PromptTemplate", "Role", "SessionEvent", "SessionStatus", "Split",
    "SystemMetric", "TemplateLabel", "TemplateVersion", "Theme", "Upload", "User", "VersionSource", "Workspace",
]  # fmt: skip
