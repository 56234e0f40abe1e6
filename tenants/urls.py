from django.urls import path

from tenants import invitation_views, leave_views, publication_views, views

app_name = "tenants"
urlpatterns = [
    path("", views.home, name="home"),
    path("login", views.login, name="login"),
    path("login/demo", views.demo_login, name="demo_login"),
    path("logout", views.logout, name="logout"),
    path("organisation/<uuid:tenant_id>", views.switch, name="switch"),
    path("account", views.account, name="account"),
    path("account/theme", views.theme, name="theme"),
    path("account/password", views.password, name="password"),
    path("invitations", invitation_views.answer, name="invitations"),
    path("invitation", invitation_views.link, name="invitation"),
    path("people", views.people, name="people"),
    path("people/new", views.new_member, name="new_member"),
    path("people/<uuid:member_id>", views.member, name="member"),
    path("people/<uuid:member_id>/invitation", invitation_views.manage, name="manage_invitation"),
    path("people/<uuid:member_id>/leave", views.add_leave, name="add_leave"),
    path("people/<uuid:member_id>/leave/import", leave_views.import_of, name="import_leave_of"),
    path("leave", leave_views.own_leave, name="leave"),
    path("leave/import", leave_views.import_own, name="import_leave"),
    path("leave/<uuid:leave_id>", leave_views.change, name="change_leave"),
    path("leave/<uuid:leave_id>/remove", leave_views.remove, name="remove_leave"),
    path("teams/new", views.team, name="new_team"),
    path("teams/<uuid:team_id>", views.team, name="team"),
    path("teams/<uuid:team_id>/mode", views.mode, name="team_mode"),
    path("organisation/mode", views.mode, name="organisation_mode"),
    path("second-approval", publication_views.second_approval, name="second_approval"),
    path("publications/<uuid:publication_id>/approve", publication_views.approve, name="approve"),
    path("publications/<uuid:publication_id>/refuse", publication_views.refuse, name="refuse"),
    path("publications/<uuid:publication_id>/withdraw", publication_views.withdraw, name="withdraw"),
    path("publications/<uuid:publication_id>/cancel", publication_views.cancel, name="cancel"),
    path("keys", views.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke", views.revoke_key, name="revoke_key"),
]
