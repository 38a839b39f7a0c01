//! What the store promises, told as stories. Each runs on SQLite and on PostgreSQL, on an empty database of its own.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "all of it is tests")]

mod harness;
mod world;

mod accounts;
mod agents;
mod assignments;
mod blocks;
mod bulk_changes;
mod carriers;
mod certifications;
mod claims;
mod configuration;
mod declined;
mod drafts;
mod durability;
mod events;
mod forms;
mod identities;
mod lifecycle;
mod mails;
mod native_changes;
mod orders;
mod people;
mod reconciliation;
mod references;
mod request_approvals;
mod requests;
mod restoration;
mod rings;
mod runs;
mod schema;
mod search;
mod transitions;
mod triage;
mod undo;
mod violations;
mod work;
mod writing;

macro_rules! stories {
    ($($module:ident: [$($story:ident),* $(,)?]),* $(,)?) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    crate::$module::$story(crate::harness::sqlite().await).await;
                }
            )*)*
        }
        mod postgres {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    crate::$module::$story(crate::harness::postgres().await).await;
                }
            )*)*
        }
    };
}

stories! {
    schema: [
        migrating_twice_changes_nothing,
        a_database_without_schema_is_not_ready,
        a_foreign_migration_is_refused,
        a_newer_migration_that_only_adds_is_lived_with,
        every_unique_constraint_is_reported_by_name,
        checks_and_foreign_keys_are_reported,
        addresses_that_are_none_are_refused_without_their_password,
    ],
    search: [
        people_are_found_by_the_beginnings_of_words,
        many_with_the_same_word_are_told_apart_by_another,
        accounts_are_found_by_how_their_key_begins,
        whatever_has_a_number_is_found_by_it,
        whom_an_older_version_knew_is_found,
        views_are_kept_shared_and_opened_by_the_menu,
    ],
    lifecycle: [states_follow_each_other, days_are_decided_once],
    restoration: [a_database_that_was_put_back_is_made_ready_once],
    writing: [
        a_copy_holds_what_was_committed,
        ids_are_handed_out_once,
        a_failing_closure_does_not_spoil_its_neighbours,
        a_swallowed_error_keeps_nothing,
        a_panic_keeps_nothing_and_the_store_goes_on,
        a_write_inside_a_write_is_refused,
        text_with_odd_characters_comes_back,
        text_that_cannot_be_stored_is_refused_whole,
        a_closed_store_says_so,
    ],
    configuration: [
        a_configuration_comes_back_and_keeps_its_history,
        secrets_are_kept_sealed,
    ],
    bulk_changes: [
        a_bulk_change_moves_on_from_where_it_was_seen,
        rows_of_a_bulk_change_are_found_and_replaced,
    ],
    events: [
        nothing_is_written_while_nobody_wants_events,
        what_changes_is_told_without_values,
        a_list_of_events_is_narrowed_and_cut,
        a_long_list_of_events_is_looked_through_piece_by_piece,
        numbers_have_no_gaps_and_nothing_is_lost_or_told_twice,
        a_subscription_is_served_by_one_and_moved_by_whoever_holds_it,
        events_are_kept_for_the_slowest_and_for_those_set_aside,
        a_database_that_was_put_back_numbers_in_another_epoch,
    ],
    drafts: [
        a_draft_is_changed_while_it_is_open_and_ends_once,
        drafts_are_listed_and_found_by_what_they_change,
        holders_are_counted_where_access_follows,
    ],
    identities: [
        identities_come_back_by_every_way,
        an_update_keeps_the_history,
        changes_are_logged_in_order,
        identities_are_found_by_words,
        identities_are_filtered_by_day,
        pages_are_stable_under_inserts,
        a_wrong_cursor_is_refused,
        an_identity_with_everything_around_it,
        ten_thousand_identities,
    ],
    accounts: [
        accounts_come_back_by_every_way,
        accounts_that_stand_for_something_are_found_by_it,
        entitlements_keep_their_intervals,
        what_everybody_holds_is_read_at_once,
        a_key_is_used_once_unless_gone,
        the_catalogue_is_replaced,
        values_are_reserved_for_the_first,
        accounts_are_listed,
        facts_about_applications,
        proposals_are_replaced_and_decided,
        decisions_stand_until_reopened,
        a_persons_word_outlives_a_reading,
    ],
    assignments: [
        assignments_open_change_and_close,
        a_thing_is_held_once_at_a_time,
        role_model_digests_are_kept,
        what_has_no_state_yet_is_told,
    ],
    certifications: [
        a_campaign_is_put_together_once_and_comes_back_whole,
        an_item_changes_only_as_it_was_seen,
        what_waits_for_whom_is_found_and_counted,
        what_was_certified_last_is_told,
    ],
    orders: [
        an_order_comes_back_whole,
        open_orders_are_those_planning_has_to_know,
        orders_are_listed_and_counted,
        an_order_with_its_way,
        orders_of_an_account_since_a_moment,
        ten_thousand_orders,
    ],
    reconciliation: [
        what_nothing_grants_is_listed_and_filtered,
        decisions_stand_until_their_day_or_until_taken_back,
        what_was_there_at_go_live_is_marked_until_something_grants_it,
        grants_are_told_beside_all_reasons,
        many_accounts_are_compared_before_they_are_listed,
        what_is_listed_is_what_is_there,
    ],
    request_approvals: [
        an_approval_comes_back_whole_and_moves_on,
        nobody_decides_twice_about_a_stage,
        a_day_begins_for_what_is_approved_alone,
    ],
    requests: [
        a_request_comes_back_whole,
        what_is_open_is_asked_for_once,
        many_ask_for_the_same_at_once,
        a_request_goes_on_and_is_found_by_what_it_waits_for,
        direct_grants_are_closed_and_not_forgotten,
        an_order_is_overtaken_for_so_long_and_no_longer,
    ],
    carriers: [
        orders_wait_in_the_queue_of_whom_they_go_to,
        what_was_ordered_with_a_creation_gets_its_account,
        what_is_answered_at_once_goes_first,
        what_is_sent_directly_goes_beside_what_others_hold,
        of_an_account_one_is_sent_and_one_is_held,
        orders_follow_the_key_of_their_account,
        two_claimers_never_send_the_same_beside_each_other,
    ],
    claims: [
        due_orders_are_claimed_by_lane,
        orders_wait_for_time_predecessors_and_runs,
        one_order_in_flight_per_account,
        two_claimers_never_get_the_same_order,
        a_lost_order_is_reclaimed_with_doubt,
        leases_are_renewed_by_who_holds_them,
        orders_that_nobody_works_on_are_let_go,
        orders_wait_until_they_are_released,
        an_order_in_doubt_is_reclaimed_when_due,
        leases_are_void_after_a_start,
    ],
    transitions: [
        a_result_is_recorded_with_everything,
        items_go_along_until_something_is_said_or_done,
        a_stale_fence_is_refused,
        a_state_not_allowed_is_refused,
        several_steps_of_one_order_in_one_call,
        handing_over_ends_the_lease,
        an_answer_without_fence_closes_the_newest_attempt,
        what_would_be_taken_is_told_without_the_deed,
    ],
    triage: [
        orders_in_trouble_are_grouped,
        a_selection_is_what_was_seen,
        held_orders_are_not_claimed,
        paused_orders_wait_and_go_on,
        a_try_takes_what_was_tried_least,
        a_repeated_trouble_keeps_its_beginning,
        edited_values_stand_until_they_are_ended,
        who_read_a_circuit_last_writes_it,
    ],
    work: [
        a_work_item_comes_back_as_it_was_written,
        a_work_item_that_makes_no_sense_is_refused,
        a_question_stands_until_it_is_closed,
        what_happened_to_a_work_item_is_kept,
        clocks_that_ask_for_something_are_found,
        work_items_are_listed,
        open_lines_are_listed_for_many,
        home_counts,
    ],
    runs: [
        runs_wait_for_one_another,
        of_many_nodes_one_takes_the_next_run,
        a_time_of_a_schedule_starts_one_run,
        a_run_is_claimed_and_taken_over,
        what_happens_to_runs_is_told,
        tasks_and_log_are_kept,
        staged_rows_are_replaced_and_cleared,
        a_preview_is_paged,
        runs_are_listed_newest_first,
        a_blocked_run_goes_on_at_somebodys_word,
    ],
    rings: [
        a_ring_goes_after_the_other,
        a_due_order_still_waits_for_its_ring,
        no_schedule_takes_a_later_ring,
    ],
    undo: [
        an_undo_is_found_from_both_sides,
        what_was_undone_holds_until_it_ends,
        orders_of_a_run_and_since,
        a_blast_radius_is_replaced,
    ],
    mails: [
        notices_become_mails_together,
        a_mail_is_taken_once_and_settled,
        mails_are_given_up_and_sent_again_to_another_address,
        people_say_how_they_want_mail,
        what_others_were_handed_is_found_until_it_is_settled,
    ],
    blocks: [
        an_approval_is_bound_to_its_plan_and_used_once,
        what_was_not_approved_is_not_claimed,
        what_was_ordered_counts_for_an_hour,
    ],
    agents: [
        tokens_are_found_by_hash_until_they_are_revoked,
        an_export_is_read_once_page_by_page,
        an_export_whose_agent_is_gone_begins_anew,
        old_exports_are_forgotten_but_the_newest_that_is_over,
        exports_end_with_their_run_and_nothing_of_them_stays,
        many_agents_never_get_the_same_export,
    ],
    forms: [
        questions_of_one_owner_stand_on_one_form,
        an_answer_counts_once_and_stands_until_it_is_changed,
        a_question_moves_and_a_default_is_an_answer,
        a_default_gives_way_to_an_answer_nobody_has_planned_with,
        what_waits_for_an_answer_is_never_sent,
    ],
    declined: [
        what_was_declined_stands_until_it_is_reopened,
        orders_under_review_are_told,
    ],
    references: [
        what_waits_for_another_account_is_sent_once_it_is_filled_in,
        who_is_to_be_planned_for_anew_is_noted_and_forgotten,
    ],
    native_changes: [
        native_changes_are_kept_listed_and_decided,
        a_reading_moves_earlier_changes_and_brings_nothing_twice,
        what_was_planned_of_native_changes_is_kept,
        orders_that_may_have_touched_an_account_are_found,
        the_baseline_is_replaced_whole,
    ],
    violations: [
        a_violation_is_there_from_its_first_to_its_last_day,
        what_is_decided_is_what_was_seen,
        exceptions_end_and_violations_open_again,
        violations_are_listed_by_what_they_rest_on,
        who_holds_what_risks_name_is_found,
        known_risks_are_kept_with_a_request,
    ],
    people: [
        users_are_found_without_regard_to_case,
        failed_logins_count_from_the_last_success,
        sessions_live_until_deleted,
        the_audit_trail_is_paged,
    ],
}
