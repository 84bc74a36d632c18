"""Who gets what answer from every address: one line for each method and route. Add yours here.

Columns, in order. Ada, Vera and the others hold their role in the namespace "payments", where the example request,
incident and people are; only ``admin`` and ``gone`` hold theirs everywhere.

    anon    nobody is signed in
    none    Oscar, an outsider without any role
    view    Vera, a viewer             appr    Ada, an approver; the example key and session are hers
    auth    a policy author            publ    a policy publisher
    audi    an auditor                 local   a security administrator of "payments" alone
    admin   a security administrator of every namespace
    else    somebody with all six roles, but in the namespace "billing" only
    gone    the old session of somebody with all six roles who was disabled

Answers are HTTP statuses; ``in`` is a redirect to sign-in. A websocket is ``open`` or closed with a code.
Routes are written as in the URL patterns ("/" is the start page). A method that is not listed answers 405 to everybody.
The codec server refuses every session that does not come from Temporal's UI, as here; with it, and with tokens:
``tests/codec_server``. What a POST row sends is ``tests.promises.visitors.World.body``.
"""

# ruff: noqa: E501

from __future__ import annotations

COLUMNS = ("anon", "none", "view", "appr", "auth", "publ", "audi", "local", "admin", "else", "gone")

TABLE = """
                                                                    anon none view appr auth publ audi local admin else gone
GET  /                                                              302  302  302  302  302  302  302  302   302   302  302

GET  accounts/login/                                                200  302  302  302  302  302  302  302   302   302  200
POST accounts/login/                                                200  302  302  302  302  302  302  302   302   302  200
GET  accounts/logout/                                               302  200  200  200  200  200  200  200   200   200  302
POST accounts/logout/                                               302  302  302  302  302  302  302  302   302   302  302
GET  accounts/inactive/                                             200  200  200  200  200  200  200  200   200   200  200
POST accounts/oidc/<slug:provider_id>/login/                        404  404  404  404  404  404  404  404   404   404  404
GET  accounts/oidc/<slug:provider_id>/login/callback/               404  404  404  404  404  404  404  404   404   404  404
GET  accounts/second-factor/                                        in   302  302  302  302  302  302  302   302   302  in
POST accounts/second-factor/                                        in   302  302  302  302  302  302  302   302   302  in
POST accounts/second-factor/challenge/                              in   302  302  302  302  302  302  302   302   302  in

GET  keys/                                                          in   404  404  200  404  200  404  200   200   200  in
POST keys/                                                          in   404  404  400  404  400  404  400   400   400  in
POST keys/challenge/                                                in   404  404  200  404  200  404  200   200   200  in
POST keys/<int:key_id>/name/                                        in   404  404  302  404  404  404  404   404   404  in
POST keys/<int:key_id>/revocation/                                  in   404  404  302  404  404  404  404   404   404  in
GET  keys/endorsements/                                             in   404  404  404  404  404  404  404   200   404  in
POST keys/endorsements/                                             in   404  404  404  404  404  404  404   400   404  in
POST keys/endorsements/<int:key_id>/revocation/                     in   404  404  404  404  404  404  404   422   404  in
POST notices/<int:notice_id>/dismissal/                             in   302  302  302  302  302  302  302   302   302  in

GET  passkeys/                                                      in   404  200  200  200  200  200  200   200   200  in
POST passkeys/                                                      in   404  422  422  422  422  422  422   422   422  in
POST passkeys/challenge/                                            in   404  409  409  409  409  409  409   409   409  in
POST passkeys/<int:passkey_id>/name/                                in   404  404  302  404  404  404  404   404   404  in
POST passkeys/<int:passkey_id>/removal/                             in   404  404  409  404  404  404  404   404   404  in
POST step-up/                                                       in   404  400  400  400  400  400  400   400   400  in
POST step-up/challenge/                                             in   404  400  400  400  400  400  400   400   400  in
POST step-up/provider/                                              in   404  302  302  302  302  302  302   302   302  in

GET  devices/                                                       in   404  200  200  200  200  200  200   200   200  in
POST devices/                                                       422  422  422  422  422  422  422  422   422   422  422
POST devices/token/                                                 400  400  400  400  400  400  400  400   400   400  400
POST devices/decision/                                              in   404  404  404  404  404  404  404   404   404  in
GET  tokens/                                                        in   404  200  200  200  200  200  200   200   200  in
POST tokens/                                                        in   404  422  422  422  422  422  422   422   422  in
GET  tokens/current/                                                401  401  401  401  401  401  401  401   401   401  401
POST tokens/current/revocation/                                     401  401  401  401  401  401  401  401   401   401  401
POST tokens/<int:token_id>/revocation/                              in   404  404  302  404  404  404  404   404   404  in

GET  people/                                                        in   404  404  404  404  404  200  200   200   200  in
POST people/<int:person_id>/roles/                                  in   404  404  404  404  404  404  302   302   404  in
POST people/<int:person_id>/roles/revocation/                       in   404  404  404  404  404  404  302   302   404  in
POST people/<int:person_id>/disabling/                              in   404  404  404  404  404  404  404   302   404  in
POST people/<int:person_id>/enabling/                               in   404  404  404  404  404  404  404   302   404  in
POST people/<int:person_id>/sessions/<int:session_id>/sign-out/     in   404  404  404  404  404  404  404   302   404  in

GET  sessions/                                                      in   200  200  200  200  200  200  200   200   200  in
POST sessions/others/sign-out/                                      in   302  302  302  302  302  302  302   302   302  in
POST sessions/<int:session_id>/sign-out/                            in   404  404  302  404  404  404  404   404   404  in

GET  sign-in/<str:token>/                                           200  200  200  200  200  200  200  200   200   200  200
POST sign-in/<str:token>/                                           302  302  302  302  302  302  302  302   302   302  302

GET  approvals/                                                     in   404  200  200  200  200  200  200   200   200  in
GET  approvals/list/                                                in   404  200  200  200  200  200  200   200   200  in
GET  approvals/backlog/                                             in   404  200  200  200  200  200  200   200   200  in
GET  approvals/roots/                                               in   404  200  200  200  200  200  200   200   200  in
GET  approvals/<request_id:request_id>/                             in   404  200  200  200  200  200  200   200   404  in
GET  approvals/<request_id:request_id>/card/                        in   404  200  200  200  200  200  200   200   404  in
GET  approvals/<request_id:request_id>/progress/                    in   404  200  200  200  200  200  200   200   404  in
POST approvals/<request_id:request_id>/opening/                     in   404  200  200  200  200  200  200   200   404  in
POST approvals/<request_id:request_id>/claim/                       in   404  404  302  404  404  404  404   404   404  in
POST approvals/<request_id:request_id>/claim/release/               in   404  404  302  404  404  404  404   404   404  in
POST approvals/<request_id:request_id>/decision/                    in   404  404  302  404  404  404  404   404   404  in
POST approvals/<request_id:request_id>/retraction/                  in   404  404  409  404  404  404  404   404   404  in

GET  on-call/                                                       in   404  200  200  200  200  200  200   200   200  in
GET  on-call/rotation/                                              in   404  404  404  404  404  404  200   200   200  in
POST on-call/rotation/                                              in   404  404  404  404  404  404  422   422   422  in
GET  on-call/rotation/<int:rotation_id>/                            in   404  404  404  404  404  404  200   200   404  in
POST on-call/rotation/<int:rotation_id>/                            in   404  404  404  404  404  404  422   422   404  in
GET  on-call/rotation/<int:rotation_id>/step-in/                    in   404  404  200  404  404  404  200   200   404  in
POST on-call/rotation/<int:rotation_id>/step-in/                    in   404  404  422  404  404  404  422   422   404  in
POST on-call/rotation/<int:rotation_id>/fetch/                      in   404  404  404  404  404  404  302   302   404  in
GET  on-call/rotation/<int:rotation_id>/removal/                    in   404  404  404  404  404  404  200   200   404  in
POST on-call/rotation/<int:rotation_id>/removal/                    in   404  404  404  404  404  404  409   409   404  in
GET  on-call/rotation/<int:rotation_id>/hand-over/                  in   404  200  200  200  200  200  200   200   404  in
GET  on-call/step-in/<int:override_id>/end/                         in   404  404  200  404  404  404  200   200   404  in
POST on-call/step-in/<int:override_id>/end/                         in   404  404  302  404  404  404  302   302   404  in
GET  on-call/ladder/                                                in   404  404  404  404  404  404  404   200   404  in
POST on-call/ladder/                                                in   404  404  404  404  404  404  404   422   404  in
GET  on-call/ladder/<slug:name>/                                    in   404  404  404  404  404  404  404   404   404  in
POST on-call/ladder/<slug:name>/                                    in   404  404  404  404  404  404  404   404   404  in

GET  notifications/                                                 in   404  200  200  200  200  200  200   200   200  in
POST notifications/                                                 in   404  302  302  302  302  302  302   302   302  in
GET  notifications/absence/                                         in   404  200  200  200  200  200  200   200   200  in
POST notifications/absence/                                         in   404  422  422  422  422  422  422   422   422  in
POST notifications/absence/<int:absence_id>/end/                    in   404  404  302  404  404  404  302   302   404  in
POST notifications/browsers/                                        in   404  409  409  409  409  409  409   409   409  in
POST notifications/browsers/<int:subscription_id>/removal/          in   404  404  302  404  404  404  404   404   404  in
GET  service-worker.js                                              200  200  200  200  200  200  200  200   200   200  200
GET  notifications/log/                                             in   404  404  404  404  404  200  200   200   200  in
POST notifications/webhooks/<slug:receiver>/test/                   in   404  404  404  404  404  302  302   302   404  in
POST notifications/webhooks/deliveries/<int:notification_id>/       in   404  404  404  404  404  302  302   302   404  in

GET  measures/                                                      in   404  200  200  200  200  200  200   200   200  in

GET  ledger/                                                        in   404  404  404  404  404  200  200   200   200  in
GET  incidents/                                                     in   404  200  200  200  200  200  200   200   200  in
GET  incidents/<slug:chain>/                                        in   404  200  200  200  200  200  200   200   404  in
GET  incidents/<slug:chain>/tree/                                   in   404  200  200  200  200  200  200   200   404  in
GET  incidents/<slug:chain>/timeline/                               in   404  200  200  200  200  200  200   200   404  in
POST incidents/<slug:chain>/timeline/                               in   404  404  404  404  404  404  404   404   404  in
POST incidents/<slug:chain>/evidence/                               in   404  404  404  404  404  200  200   200   404  in
GET  incidents/<slug:chain>/erasure/                                in   404  404  404  404  404  404  200   200   404  in
POST incidents/<slug:chain>/erasure/                                in   404  404  404  404  404  404  409   409   404  in

GET  evidence/exports/                                              in   404  404  404  404  404  200  200   200   200  in
POST evidence/exports/                                              in   404  404  404  404  404  422  422   422   422  in
GET  evidence/exports/newest/                                       in   404  404  404  404  404  200  200   200   200  in

GET  search/                                                        in   404  200  200  200  200  200  200   200   200  in
GET  search/charts/                                                 in   404  200  200  200  200  200  200   200   200  in
POST search/saved/                                                  in   404  302  302  302  302  302  302   302   302  in
POST search/saved/<int:saved_id>/deletion/                          in   404  404  302  404  404  404  404   404   404  in

GET  policies/                                                      in   404  404  404  200  200  200  200   200   200  in
POST policies/                                                      in   404  404  404  404  404  404  404   404   404  in
GET  policies/tools/                                                in   404  404  404  200  200  200  200   200   200  in
POST policies/check/                                                in   404  404  404  200  404  404  404   404   200  in
POST policies/forms/<slug:part>/                                    in   404  404  404  200  404  404  404   404   200  in
POST policies/answers/                                              in   404  404  404  200  404  404  404   404   200  in
POST policies/summary/                                              in   404  404  404  200  404  404  404   404   200  in
GET  policies/<slug:name>/<int:number>/                             in   404  404  404  200  200  200  200   200   200  in
POST policies/<slug:name>/<int:number>/                             in   404  404  404  404  404  404  404   404   404  in
GET  policies/<slug:name>/<int:number>/simulator/                   in   404  404  404  200  200  200  200   200   200  in
POST policies/<slug:name>/<int:number>/simulator/                   in   404  404  404  422  422  422  422   422   422  in
POST policies/<slug:name>/<int:number>/replay/                      in   404  404  404  422  422  422  422   422   422  in
POST policies/<slug:name>/<int:number>/proposal/                    in   404  404  404  404  404  404  404   404   404  in
POST policies/<slug:name>/<int:number>/return/                      in   404  404  404  404  404  404  404   404   404  in
POST policies/<slug:name>/<int:number>/publication/                 in   404  404  404  404  404  404  404   404   404  in
POST policies/<slug:name>/<int:number>/retirement/                  in   404  404  404  404  404  404  404   404   404  in

GET  warrants/mint/                                                 in   404  404  200  404  404  404  200   200   200  in
POST warrants/mint/                                                 in   404  404  422  404  404  404  422   422   422  in
GET  warrants/<slug:warrant_id>/signature/                          in   404  404  404  404  404  404  404   404   404  in
POST warrants/<slug:warrant_id>/signature/                          in   404  404  404  404  404  404  404   404   404  in
POST warrants/<slug:warrant_id>/draft/                              in   404  404  404  404  404  404  404   404   404  in
POST api/v1/warrants                                                401  401  401  401  401  401  401  401   401   401  401
GET  warrants/                                                      in   404  404  404  200  200  200  200   200   200  in
GET  warrants/issuers/                                              in   404  404  404  200  200  200  200   200   200  in
POST warrants/issuers/                                              in   404  404  404  404  404  404  404   422   404  in
GET  warrants/revocations/                                          in   404  404  404  200  200  200  200   200   200  in
POST warrants/revocations/                                          in   404  404  404  404  404  404  422   422   422  in
GET  warrants/revocations/workers/                                  in   404  404  404  200  200  200  200   200   200  in
POST warrants/revocations/resumption/                               in   404  404  404  404  404  404  302   302   404  in

POST codec/decode                                                   401  403  403  403  403  403  403  403   403   403  401
POST codec/encode                                                   401  403  403  403  403  403  403  403   403   403  401
POST codec/<str:namespace>/decode                                   401  403  403  403  403  403  403  403   403   403  401
POST codec/<str:namespace>/encode                                   401  403  403  403  403  403  403  403   403   403  401
GET  payloads/                                                      in   404  404  404  404  404  200  200   200   200  in

POST hooks/alerts/                                                  415  415  415  415  415  415  415  415   415   415  415
POST hooks/slack/events/                                            404  404  404  404  404  404  404  404   404   404  404
POST hooks/slack/command/                                           404  404  404  404  404  404  404  404   404   404  404
POST hooks/slack/interactions/                                      404  404  404  404  404  404  404  404   404   404  404
"""

WEBSOCKETS = """
                                                                    anon none view appr auth publ audi local admin else gone
WS   live/                                                          4401 4404 open open open open open open  open  open 4401
"""


def rows(table: str) -> dict[tuple[str, str], dict[str, str]]:
    """Return the table as {(method, route): {column: answer}}."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in table.strip().splitlines():
        words = line.split()
        if not words or tuple(words) == COLUMNS:
            continue
        method, route, *answers = words
        assert len(answers) == len(COLUMNS), line
        assert (method, route) not in found, line
        found[method, route] = dict(zip(COLUMNS, answers, strict=True))
    return found
