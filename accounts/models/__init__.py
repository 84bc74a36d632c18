from accounts.models.api_token import ApiToken
from accounts.models.approver_key import ApproverKey
from accounts.models.device_grant import DeviceGrant
from accounts.models.enrolment_challenge import EnrolmentChallenge
from accounts.models.key_endorsement import KeyEndorsement
from accounts.models.notice import Notice
from accounts.models.passkey_challenge import PasskeyChallenge
from accounts.models.people_root import PeopleRoot
from accounts.models.person import Person
from accounts.models.person_session import PersonSession
from accounts.models.provider_visit import ProviderVisit
from accounts.models.role_grant import RoleGrant
from accounts.models.sign_in_link import SignInLink
from accounts.models.step_up import StepUp

__all__ = [
    "ApiToken",
    "ApproverKey",
    "DeviceGrant",
    "EnrolmentChallenge",
    "KeyEndorsement",
    "Notice",
    "PasskeyChallenge",
    "PeopleRoot",
    "Person",
    "PersonSession",
    "ProviderVisit",
    "RoleGrant",
    "SignInLink",
    "StepUp",
]
