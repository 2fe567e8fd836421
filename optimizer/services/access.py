"""Who may change what a workspace holds."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from optimizer.models import Membership, Role, User


def may_write(*, user: User, workspace_id: int) -> bool:
    """Owners and editors may; viewers and outsiders may not."""
    writers = Membership.objects.exclude(role=Role.VIEWER)
    return writers.filter(user=user, workspace_id=workspace_id).exists()


def require_active(*, user: User) -> None:
    """PermissionDenied for an account that is switched off. Everybody else may change what is their own."""
    if not user.is_active:
        raise PermissionDenied("This account is switched off. Ask the administrator of this installation.")


def require_writer(*, user: User, workspace_id: int) -> None:
    """PermissionDenied, in words for the person, unless they may write there."""
    if not may_write(user=user, workspace_id=workspace_id):
        raise PermissionDenied(
            "You may look at this workspace, but not change it. Ask its owner to make you an editor."
        )
