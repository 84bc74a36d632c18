from accounts.models.api_token import ApiToken
from accounts.models.approver_key import ApproverKey
from accounts.models.device_grant import DeviceGrant
from accounts.models.enrolment_challenge import EnrolmentChallenge
from accounts.models.person import Person
from accounts.models.role_grant import RoleGrant
from accounts.models.sign_in_link import SignInLink

__all__ = ["ApiToken", "ApproverKey", "DeviceGrant", "EnrolmentChallenge", "Person", "RoleGrant", "SignInLink"]
