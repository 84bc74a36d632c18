from accounts.models.approver_key import ApproverKey
from accounts.models.enrolment_challenge import EnrolmentChallenge
from accounts.models.passkey_challenge import PasskeyChallenge
from accounts.models.person import Person
from accounts.models.provider_visit import ProviderVisit
from accounts.models.role_grant import RoleGrant
from accounts.models.sign_in_link import SignInLink
from accounts.models.step_up import StepUp

__all__ = [
    "ApproverKey",
    "EnrolmentChallenge",
    "PasskeyChallenge",
    "Person",
    "ProviderVisit",
    "RoleGrant",
    "SignInLink",
    "StepUp",
]
