"""Past leads are replayed in the background: who would have got what, and nothing else is written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.errors import Conflict
from handoff.simulation import runs
from handoff.simulation.reading import read_world
from handoff.tasks import simulate_tick
from leads.models import Handoff
from routing.models import Pool, PoolSeat, SimulatedLead, SimulationRun
from tenants.clock import fixed_clock
from tenants.models import RepProfile
from tests.factories import Org
from tests.simulation.conftest import (
    GERMANS,
    TUESDAY,
    call,
    draft_rules,
    simulate,
    take_in,
    write_draft,
)
from tests.tenants.test_sweep_of_routes import fingerprint

pytestmark = pytest.mark.django_db
EVENING = TUESDAY + timedelta(hours=8)


class TestWhatItSays:
    def test_the_rules_in_force_give_what_really_happened(self, org: Org) -> None:
        take_in(org, 9)
        run = simulate(org, "live")
        assert run.state == "done"
        told = run.result
        assert (told["leads"], told["given"], told["nobody"]) == (9, 9, 0)
        assert told["against"]["live"] is None
        assert told["against"]["past"]["same"] == 9
        assert sum(person["leads"] for person in told["people"]) == 9
        assert told["waits"]["new"]["owner"] == {"base": 9, "median": 0, "p90": 0, "most": 0}

    def test_a_draft_moves_leads_to_another_pool_and_says_from_whom(self, org: Org) -> None:
        take_in(org, 9)
        write_draft(org, draft_rules(GERMANS))
        told = simulate(org).result
        german = next(each for each in told["pools"] if each["pool"] == "german")
        assert (german["leads"], german["live"], german["turns"]) == (3, 0, 3)
        live, past = told["against"]["live"], told["against"]["past"]
        assert live == past
        assert live["same"] + live["moved"] == 9
        assert 0 < sum(number for _, _, number in live["flows"]) == live["moved"]
        desk = str(org.reps[2].id)
        (person,) = [each for each in told["people"] if each["member"] == desk]
        assert person["leads"] == sum(person["days"]) >= 3

    def test_rules_that_match_nothing_or_are_shadowed_are_named(self, org: Org) -> None:
        take_in(org, 6)
        never = {**GERMANS, "name": "Never", "when": {"field": "lead.score", "op": "at_least", "value": 99}}
        hidden = {
            **GERMANS,
            "name": "Hidden",
            "when": {
                "all": [
                    GERMANS["when"],
                    {"field": "lead.email_domain", "op": "equals", "value": "firm0.example"},
                ]
            },
        }
        write_draft(org, draft_rules(GERMANS, never, hidden, rest=None))
        told = simulate(org).result
        states = {rule["name"]: (rule["state"], rule["would"], rule["by"]) for rule in told["rules"]["pools"]}
        assert states == {
            "Germans": ("reached", 2, ""),
            "Never": ("never", 0, ""),
            "Hidden": ("shadowed", 1, "Germans"),
        }
        assert told["nobody"] == 4
        assert told["reasons"]["no_rule"] == 4
        assert told["against"]["live"]["lost"] == 4

    def test_caps_of_a_day_hold_and_the_lead_goes_out_the_next_morning(self, org: Org) -> None:
        with org.scope():
            RepProfile.objects.filter(member__in=org.reps).update(cap_per_day=1)
        take_in(org, 5)
        told = simulate(org, "live", now=TUESDAY + timedelta(days=2)).result
        assert told["given"] == 5
        days = {each["member"]: [number for number in each["days"] if number] for each in told["people"]}
        assert told["waits"]["new"]["owner"]["most"] > 10 * 3600
        assert sum(map(sum, days.values())) == 5

    def test_a_held_lead_goes_out_when_its_pool_opens(self, org: Org) -> None:
        with org.scope():
            Pool.objects.filter(slug="inbound").update(off_hours="hold")
        take_in(org, 2, start=TUESDAY.replace(hour=20))
        run = simulate(org, "live", now=TUESDAY + timedelta(days=1, hours=2))
        with org.scope():
            rows = list(SimulatedLead.objects.filter(run=run).order_by("number"))
        opening = TUESDAY.replace(hour=8) + timedelta(days=1)  # 09:00 in Berlin
        for row in rows:
            assert row.member_id is not None
            assert row.given_at is not None
            assert opening - timedelta(minutes=30) <= row.given_at <= opening
        assert run.result["waits"]["new"]["work"]["most"] >= 11 * 3600

    def test_claims_go_to_whoever_waited_longest(self, org: Org) -> None:
        with org.scope():
            Pool.objects.filter(slug="inbound").update(strategy="claim")
        take_in(org, 6)
        told = simulate(org, "live").result
        assert told["reasons"] == {"claimed": 6}
        assert sorted(each["leads"] for each in told["people"]) == [2, 2, 2]
        (pool,) = told["pools"]
        assert pool["turns"] == 0  # a claim takes nobody's turn

    def test_what_another_system_chose_stays(self, org: Org) -> None:
        from tests.handoff.conftest import new_lead

        new_lead(org, TUESDAY, "chosen@firm.example", source="germany", owner=org.reps[1].email)
        write_draft(org, draft_rules(GERMANS))
        told = simulate(org).result
        assert (told["outside"], told["asked"]) == (1, 0)
        assert told["people"][0]["member"] == str(org.reps[1].id)

    def test_fairness_counts_the_turns_of_the_replay(self, org: Org) -> None:
        take_in(org, 12)
        (pool,) = simulate(org, "live").result["pools"]
        assert pool["turns"] == 12
        assert [(one["actual"], one["expected"], one["verdict"]) for one in pool["shares"]] == [
            (4, 4.0, "few")
        ] * 3

    def test_leads_of_tests_and_of_another_organisation_are_left_out(self, org: Org, globex: Org) -> None:
        take_in(org, 2)
        take_in(globex, 3)
        with org.scope():
            Handoff.objects.filter(lead__email="lead0@firm0.example").update(is_test=True)
        assert simulate(org, "live").result["leads"] == 1

    def test_a_test_lead_of_before_takes_no_turn(self, org: Org) -> None:
        take_in(org, 2)
        with org.scope():
            level = read_world(TUESDAY + timedelta(minutes=5), TUESDAY + timedelta(hours=2))
            Handoff.objects.filter(lead__email="lead1@firm1.example").update(is_test=True)
            world = read_world(TUESDAY + timedelta(hours=1), TUESDAY + timedelta(hours=2))
        assert sorted(span.is_test for span in world.spans) == [False, True]
        assert world.pools["inbound"].counters == level.pools["inbound"].counters != {}


class TestTheWork:
    def test_it_writes_nothing_but_its_own_rows(self, org: Org) -> None:
        take_in(org, 6)
        write_draft(org, draft_rules(GERMANS))
        before = fingerprint(org)
        simulate(org)
        after = fingerprint(org)
        assert {table for table in after if after[table] != before[table]} == {
            "routing_simulationrun",
            "routing_simulatedlead",
        }

    def test_one_at_a_time_for_each_organisation(self, org: Org, globex: Org) -> None:
        for one in (org, globex):
            with one.scope():
                runs.ask(side="live", days=7, actor="key:x", now=EVENING)
        with org.scope(), pytest.raises(Conflict):
            runs.ask(side="live", days=7, actor="key:x", now=EVENING)
        assert sorted(runs.tenants_with_simulations()) == sorted([org.id, globex.id])
        assert simulate_tick() == 2
        assert simulate_tick() == 0
        assert runs.tenants_with_simulations() == []

    def test_one_that_waits_is_cancelled_at_once(self, org: Org) -> None:
        with org.scope():
            run = runs.ask(side="live", days=7, actor="key:x", now=EVENING)
            assert runs.cancel(run.id, now=EVENING).state == "cancelled"
            with pytest.raises(Conflict):
                runs.cancel(run.id, now=EVENING)
        assert simulate_tick() == 0

    def test_one_that_runs_is_cancelled_at_its_next_step(
        self, org: Org, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_in(org, 2)
        with org.scope():
            run = runs.ask(side="live", days=7, actor="key:x", now=EVENING)
        read = runs.read_some

        def cancelled_meanwhile(*args: Any, **kwargs: Any) -> Any:
            runs.cancel(run.id, now=EVENING)
            return read(*args, **kwargs)

        monkeypatch.setattr(runs, "read_some", cancelled_meanwhile)
        runs.carry_out(org.id, fixed_clock(EVENING))
        with org.scope():
            assert runs.get_run(run.id).state == "cancelled"
            assert not SimulatedLead.objects.exists()

    def test_one_whose_worker_was_killed_says_so_and_can_be_begun_again(self, org: Org) -> None:
        take_in(org, 2)
        with org.scope():
            run = runs.ask(side="live", days=7, actor="key:x", now=EVENING)
            SimulationRun.objects.update(state="running", started_at=EVENING, alive_at=EVENING)
        assert runs.carry_out(org.id, fixed_clock(EVENING + timedelta(minutes=2))) == 0
        late = EVENING + timedelta(minutes=4)
        assert runs.carry_out(org.id, fixed_clock(late)) == 0
        with org.scope():
            found = runs.get_run(run.id)
            assert found.state == "failed"
            assert "begin it again" in found.error
            again = runs.begin_again(run.id, actor="key:x", now=late)
        assert runs.carry_out(org.id, fixed_clock(late)) == 1
        with org.scope():
            assert runs.get_run(again.id).state == "done"

    def test_what_fails_is_told_and_frees_the_place(self, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
        with org.scope():
            run = runs.ask(side="live", days=7, actor="key:x", now=EVENING)

        def broken(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("broken")

        monkeypatch.setattr(runs, "read_world", broken)
        runs.carry_out(org.id, fixed_clock(EVENING))
        with org.scope():
            assert runs.get_run(run.id).state == "failed"
            runs.ask(side="live", days=7, actor="key:x", now=EVENING)

    def test_old_results_are_removed(self, org: Org) -> None:
        take_in(org, 2)
        old = simulate(org, "live")
        assert runs.forget_old(org.id, now=EVENING + timedelta(days=29)) == 0
        assert runs.forget_old(org.id, now=EVENING + timedelta(days=31)) == 1
        with org.scope():
            assert not SimulationRun.objects.filter(id=old.id).exists()
            assert not SimulatedLead.objects.exists()


class TestTheApi:
    def test_a_program_asks_reads_and_drills_down(self, org: Org, now: datetime) -> None:
        take_in(org, 6)
        write_draft(org, draft_rules(GERMANS))
        run = simulate(org)
        one = call(org, "GET", f"simulations/{run.id}").json()
        assert (one["state"], one["rules"], one["version"], one["against"]) == ("done", "draft", 2, 1)
        assert [each["id"] for each in call(org, "GET", "simulations").json()["results"]] == [str(run.id)]
        leads = f"simulations/{run.id}/leads"
        everything = call(org, "GET", leads).json()["results"]
        assert [each["number"] for each in everything] == [1, 2, 3, 4, 5, 6]
        first = call(org, "GET", f"{leads}?limit=4").json()
        assert len(first["results"]) == 4
        assert "cursor=" in first["next"]
        german = call(org, "GET", f"{leads}?pool=german").json()["results"]
        assert [each["number"] for each in german] == [1, 4]
        assert german == call(org, "GET", f"{leads}?rule=Germans&day=2026-11-17").json()["results"]
        moved = call(org, "GET", f"{leads}?moved=live").json()["results"]
        assert len(moved) == one["result"]["against"]["live"]["moved"]
        assert call(org, "GET", f"{leads}?member=none").json()["results"] == []
        rep = org.reps[2]
        theirs = call(org, "GET", f"{leads}?member={rep.email}").json()["results"]
        assert {each["member"] for each in theirs} == {str(rep.id)}

    def test_leads_under_another_tier_by_todays_policy_are_found(self, org: Org) -> None:
        take_in(org, 2)
        with org.scope():
            Handoff.objects.filter(lead__email="lead1@firm1.example").update(tier="content")
        run = simulate(org, "live")
        assert run.result["tier_moves"] == [["content", "demo_request", 1]]
        (row,) = call(org, "GET", f"simulations/{run.id}/leads?moved=tier").json()["results"]
        assert (row["number"], row["past_tier"], row["tier"]) == (2, "content", "demo_request")

    def test_it_is_asked_for_over_the_api(self, org: Org) -> None:
        made = call(org, "POST", "simulations", {"rules": "live", "days": 7})
        assert made.status_code == 201
        assert made.json()["state"] == "queued"
        assert call(org, "POST", "simulations", {"rules": "live", "days": 7}).status_code == 409
        path = f"simulations/{made.json()['id']}"
        assert call(org, "POST", f"{path}/again").status_code == 409
        assert call(org, "POST", f"{path}/cancel").json()["state"] == "cancelled"
        assert call(org, "POST", f"{path}/again").status_code == 201

    @pytest.mark.parametrize(
        "body, path",
        [
            ({"rules": "draft", "days": 7}, "/rules"),
            ({"rules": "live", "days": 0}, "/days"),
            ({"rules": "live", "days": 366}, "/days"),
            ({"rules": "mine", "days": 7}, "/rules"),
            ({"days": 7}, "/rules"),
            ({"rules": "live", "days": 7, "day": 1}, "/day"),
        ],
    )
    def test_bad_input_is_refused_with_its_place(self, org: Org, body: Any, path: str) -> None:
        refused = call(org, "POST", "simulations", body)
        assert refused.status_code == 400
        assert path in [each["path"] for each in refused.json()["errors"]]

    def test_a_draft_that_makes_no_sense_is_not_replayed(self, org: Org) -> None:
        write_draft(org, draft_rules({**GERMANS, "pool": "gone"}))
        refused = call(org, "POST", "simulations", {"rules": "draft", "days": 7})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["path"] == "/draft/pools/0/pool"

    @pytest.mark.parametrize("query", ["moved=x", "day=x", "member=nobody@x.example", "pol=inbound"])
    def test_a_filter_that_means_nothing_is_refused(self, org: Org, query: str) -> None:
        run = simulate(org, "live")
        refused = call(org, "GET", f"simulations/{run.id}/leads?{query}")
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["path"] == f"/{query.partition('=')[0]}"

    def test_people_and_seats_as_they_are_now_are_asked(self, org: Org) -> None:
        take_in(org, 6)
        with org.scope():
            PoolSeat.objects.filter(pool__slug="inbound", member=org.reps[0]).delete()
        told = simulate(org, "live").result
        assert {each["member"]: each["leads"] for each in told["people"]}[str(org.reps[0].id)] == 0


class TestOneLead:
    def test_a_typed_lead_is_put_to_draft_and_live(self, org: Org) -> None:
        write_draft(org, draft_rules(GERMANS))
        facts = {"email": "a@firm.example", "source": "germany", "engagements": [{"kind": "demo_request"}]}
        told = call(org, "POST", "simulations/lead", {"facts": facts, "at": "2026-11-17T09:00:00Z"}).json()
        assert (told["draft"]["pool"], told["live"]["pool"]) == ("german", "inbound")
        assert told["draft"]["owner"]["id"] == str(org.reps[2].id)
        assert told["live"]["qualified"] is True
        assert told["live"]["tier"] == "demo_request"
        due = {each["target"]: each["owner_due_at"] for each in told["live"]["deadlines"]}
        assert due["first_touch"] == "2026-11-17T09:05:00Z"
        assert [rule["result"] for rule in told["draft"]["trace"]["layers"]["pools"]] == ["match", "skipped"]
        assert len(told["live"]["trace"]["candidates"]) == 3

    def test_a_lead_that_is_there_is_asked_about_by_its_email(self, org: Org) -> None:
        take_in(org, 1)
        before = fingerprint(org)
        told = call(org, "POST", "simulations/lead", {"lead": "lead0@firm0.example", "rules": "live"})
        assert told.json()["live"]["pool"] == "inbound"
        assert "draft" not in told.json()
        assert {key: value for key, value in fingerprint(org).items() if key != "tenants_apikey"} == {
            key: value for key, value in before.items() if key != "tenants_apikey"
        }

    def test_one_that_does_not_qualify_says_so(self, org: Org) -> None:
        told = call(org, "POST", "simulations/lead", {"facts": {"title": "CTO"}}).json()
        assert told["draft"] is None
        assert told["live"]["reason"] == "not_qualified"
        assert told["live"]["needs"] == ["email"]
        assert told["live"]["trace"] == {}

    @pytest.mark.parametrize(
        "body, path",
        [
            ({}, "/lead"),
            ({"lead": "nobody@x.example"}, "/lead"),
            ({"lead": "a@b.example", "facts": {}}, "/lead"),
            ({"facts": {}, "at": "0001-01-01T00:00:00Z"}, "/at"),
            ({"facts": {}, "at": "9999-12-31T23:59:59Z"}, "/at"),
            ({"facts": {"title": 5}}, "/facts/title"),
            ({"facts": {"account": {"owner": "nobody@x.example"}}}, "/facts/account/owner"),
            ({"facts": {"engagements": [{"subject": "x"}]}}, "/facts/engagements/0/kind"),
        ],
    )
    def test_bad_input_is_refused_with_its_place(self, org: Org, body: Any, path: str) -> None:
        refused = call(org, "POST", "simulations/lead", body)
        assert refused.status_code == 400
        assert path in [each["path"] for each in refused.json()["errors"]]
