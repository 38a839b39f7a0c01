//! What can go wrong with the store, by who must act.

/// The store could not do what was asked. Nothing of the failed call, and nothing else of its transaction, is kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is locked or is full. Mend it, then repeat.
    #[error("the database is not available: {reason}. Check that it runs, is reachable and has space, then try again")]
    Unavailable { reason: String },
    /// Two transactions got in each other's way and one had to go. Repeating it is safe.
    #[error("another change to the same records was under way and went first; try again")]
    Contended,
    /// A rule of the schema refused the change. Constraints are named in the migrations; SQLite does not name foreign
    /// keys and reports them as `foreign_key`.
    #[error("the change breaks the rule `{constraint}` of the database and was not kept")]
    Conflict { constraint: String },
    #[error("there is no {what}; it may have been removed")]
    NotFound { what: String },
    /// What was handed in cannot be stored, such as text with a NUL character or a cursor of another list.
    #[error("{what}; correct it and try again")]
    Invalid { what: String },
    #[error("the database's schema is not as this program needs it: {reason}")]
    Migration { reason: String },
    /// Stored data does not make sense: a newer program, or another hand, wrote it.
    #[error("stored data cannot be read: {what}. Restore it from a backup, or run the version that wrote it")]
    Corrupt { what: String },
    /// A write asked for another write while it was open; on SQLite that would wait for itself forever.
    #[error("a write was started inside another write; use the transaction at hand instead")]
    Nested,
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether it is about the database's state now and not about what was asked: the same may succeed a moment later.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Contended)
    }

    /// Whether the disk of the database takes nothing more.
    pub fn lacks_room(&self) -> bool {
        matches!(self, Self::Unavailable { reason } if reason.contains(NO_ROOM))
    }

    /// The named constraint that refused the change.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Conflict { constraint } => Some(constraint),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let database = match &error {
            sqlx::Error::Database(database) => database,
            sqlx::Error::Io(io) => return Self::Unavailable { reason: io.to_string() },
            sqlx::Error::PoolTimedOut => return Self::Unavailable { reason: "all connections are in use".into() },
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                return Self::Unavailable { reason: "the connection is closed".into() };
            }
            _ => return Self::Database(error),
        };
        if let Some(constraint) = database.constraint() {
            return Self::Conflict { constraint: constraint.to_owned() };
        }
        let message = database.message();
        if let Some((kind, subject)) = message.split_once(" constraint failed") {
            let subject = subject.strip_prefix(": ").unwrap_or_default();
            return Self::Conflict { constraint: constraint_of_sqlite(kind, subject) };
        }
        match database.code().as_deref() {
            // Serialization failure, deadlock.
            Some("40001" | "40P01") => Self::Contended,
            // Text that cannot be stored, a number out of range, JSON that is none.
            Some("22P02" | "22P05" | "22021" | "22003" | "22032") => Self::Invalid { what: sentence(message) },
            Some("53100") => Self::Unavailable { reason: format!("{NO_ROOM} ({message})") },
            // Connection failures, out of resources, shutdown, read-only, away for too long in the middle of a transaction.
            Some(code)
                if ["08", "53", "57"].contains(&code.get(..2).unwrap_or_default())
                    || ["25006", "25P03"].contains(&code) =>
            {
                Self::Unavailable { reason: message.to_owned() }
            }
            // SQLite: busy, locked, read-only, I/O error, full, cannot open. The low byte is the primary code.
            Some(code)
                if code.parse::<i32>().is_ok_and(|code| [5, 6, 8, 10, 13, 14].contains(&(code & 0xff)))
                    && code.len() < 5 =>
            {
                Self::Unavailable { reason: of_sqlite(code, message) }
            }
            _ if message.contains("malformed JSON") => Self::Invalid { what: sentence(message) },
            _ => Self::Database(error),
        }
    }
}

/// SQLite says "disk I/O error" where it can read and not write, which is nearly always a lack of room.
fn of_sqlite(code: &str, message: &str) -> String {
    // Full; and of the errors of input and output those to write, to make durable, to cut, and to grow shared memory.
    match code {
        "13" | "778" | "1034" | "1546" | "4874" => {
            format!("{NO_ROOM} ({message})")
        }
        _ => message.to_owned(),
    }
}

/// How the reason begins where nothing can be written for lack of room.
const NO_ROOM: &str =
    "nothing can be written to the disk of the database, because it is full or a limit on the size of files is reached";

fn sentence(message: &str) -> String {
    format!("the database cannot store a value ({message})")
}

/// SQLite names check constraints, but tells columns for unique ones and nothing for foreign keys.
fn constraint_of_sqlite(kind: &str, subject: &str) -> String {
    match kind {
        "FOREIGN KEY" => "foreign_key".to_owned(),
        "UNIQUE" => UNIQUE_CONSTRAINTS
            .iter()
            .find(|(columns, _)| *columns == subject)
            .map_or(subject, |(_, name)| name)
            .to_owned(),
        _ => subject.to_owned(),
    }
}

/// Unique constraints and indexes by their columns, as SQLite's messages have them. Primary keys included.
pub const UNIQUE_CONSTRAINTS: &[(&str, &str)] = &[
    (
        "configuration_object.kind, configuration_object.name, configuration_object.from_version",
        "configuration_object_key",
    ),
    ("configuration_object.kind, configuration_object.name", "configuration_object_current"),
    (
        "configuration_draft_object.draft_id, configuration_draft_object.kind, configuration_draft_object.name",
        "configuration_draft_object_key",
    ),
    ("request_approval.request_id, request_approval.line", "request_approval_key"),
    (
        "request_decision.request_id, request_decision.line, request_decision.stage, request_decision.by_kind, request_decision.by_name",
        "request_decision_once",
    ),
    ("bulk_change_row.bulk_change_id, bulk_change_row.line", "bulk_change_row_key"),
    ("secret.name", "secret_key"),
    ("event.number", "event_pkey"),
    ("event_token.id", "event_token_pkey"),
    ("event_stream.name", "event_stream_key"),
    ("subscription.name", "subscription_key"),
    ("set_aside_message.subscription, set_aside_message.number", "set_aside_message_key"),
    ("event_token.token_hash", "event_token_hash"),
    ("console_user.folded_login", "console_user_login"),
    ("session.id_hash", "session_key"),
    ("run.active", "run_one_running"),
    ("run.job", "run_one_of_job"),
    ("run.job, run.scheduled_for", "run_once_scheduled"),
    ("job_schedule.job", "job_schedule_key"),
    ("task_run.run_id, task_run.sequence", "task_run_key"),
    ("run_log.run_id, run_log.sequence", "run_log_key"),
    ("run_undo.run_id", "run_undo_key"),
    ("run_ring.run_id", "run_ring_key"),
    ("run_blast_radius.run_id", "run_blast_radius_key"),
    ("undone_change.id", "undone_change_pkey"),
    ("staged_row.run_id, staged_row.origin, staged_row.key", "staged_row_key"),
    ("preview_line.run_id, preview_line.sequence", "preview_line_key"),
    ("account_to_reconcile.sequence", "account_to_reconcile_pkey"),
    ("finding.account_id, finding.entitlement", "finding_key"),
    ("identity.source, identity.key", "identity_source_key"),
    ("identity_word.word, identity_word.identity_id", "identity_word_key"),
    ("account_word.word, account_word.account_id", "account_word_key"),
    ("saved_view.id", "saved_view_pkey"),
    ("saved_view.owner_id, saved_view.page, saved_view.name", "saved_view_name"),
    ("saved_view_default.user_id, saved_view_default.page", "saved_view_default_key"),
    ("identity_context.identity_id, identity_context.sequence", "identity_context_key"),
    ("identity_history.identity_id, identity_history.since", "identity_history_key"),
    ("identity_history.identity_id", "identity_history_current"),
    ("account.application, account.account_type, account.key", "account_key_once"),
    (
        "account_entitlement.account_id, account_entitlement.entitlement, account_entitlement.since",
        "account_entitlement_key",
    ),
    ("account_entitlement.account_id, account_entitlement.entitlement", "account_entitlement_current"),
    (
        "entitlement_catalogue.application, entitlement_catalogue.key, entitlement_catalogue.since",
        "entitlement_catalogue_key",
    ),
    ("entitlement_catalogue.application, entitlement_catalogue.key", "entitlement_catalogue_current"),
    ("reservation.application, reservation.attribute, reservation.folded", "reservation_key"),
    ("plan_partition.plan_id, plan_partition.sequence", "plan_partition_sequence"),
    ("provisioning_order.account_id", "order_one_in_flight"),
    ("provisioning_order.account_id, provisioning_order.state", "order_one_held"),
    ("provisioning_order.identity_id, provisioning_order.account_type", "order_one_creation_in_flight"),
    ("order_dependency.order_id, order_dependency.after_id", "order_dependency_key"),
    ("order_attempt.order_id, order_attempt.number", "order_attempt_key"),
    ("order_attempt.order_id, order_attempt.fence", "order_attempt_fence"),
    ("assignment.identity_id, assignment.kind, assignment.name", "assignment_current"),
    ("work_item.order_id, work_item.part", "work_item_one_open"),
    ("work_item_line.work_item_id, work_item_line.order_item_id", "work_item_line_key"),
    ("work_item_question.work_item_id", "work_item_question_one_open"),
    ("application_facts.name", "application_facts_key"),
    ("value_edit.identity_id, value_edit.account_type, value_edit.attribute", "value_edit_in_force"),
    ("application_circuit.application", "application_circuit_key"),
    ("owner_proposal.account_id, owner_proposal.identity_id", "owner_proposal_key"),
    ("type_proposal.account_id, type_proposal.account_type", "type_proposal_key"),
    ("account_decision.account_id", "account_decision_owner"),
    ("account_decision.account_id, account_decision.kind", "account_decision_type"),
    ("account_decision.account_id, account_decision.identity_id", "account_decision_not_theirs"),
    ("run_block.run_id", "run_block_one_waiting"),
    ("threshold_use.run_id, threshold_use.account_type, threshold_use.what", "threshold_use_key"),
    ("run_block.id", "run_block_pkey"),
    ("declined_change.id", "declined_change_pkey"),
    ("native_baseline.application, native_baseline.account_type", "native_baseline_key"),
    ("reference_change.identity_id", "reference_change_key"),
    ("lifecycle_period.identity_id", "lifecycle_period_current"),
    ("lifecycle_period.sequence", "lifecycle_period_pkey"),
    ("boundary.id", "boundary_pkey"),
    ("bulk_change.id", "bulk_change_pkey"),
    ("certification_campaign.id", "certification_campaign_pkey"),
    ("certification_item.id", "certification_item_pkey"),
    (
        "certification_item.campaign_id, certification_item.identity_id, certification_item.kind, certification_item.name, \
         certification_item.subject",
        "certification_item_once",
    ),
    ("certification_reviewer.item_id, certification_reviewer.login", "certification_reviewer_key"),
    ("violation.id", "violation_pkey"),
    ("violation.identity_id, violation.risk, violation.rule", "violation_current"),
    ("violation_thing.id", "violation_thing_pkey"),
    (
        "violation_thing.violation_id, violation_thing.side, violation_thing.kind, violation_thing.name",
        "violation_thing_current",
    ),
    ("violation_decision.id", "violation_decision_pkey"),
    ("violation_decision.violation_id", "violation_decision_current"),
    ("request_risk.request_id, request_risk.risk, request_risk.rule", "request_risk_key"),
    ("native_change.id", "native_change_pkey"),
    ("reconciliation_decision.id", "reconciliation_decision_pkey"),
    ("reconciliation_decision.subject", "reconciliation_decision_standing"),
    ("go_live.application, go_live.at", "go_live_key"),
    ("pre_existing.account_id, pre_existing.entitlement", "pre_existing_key"),
    ("configuration_draft.id", "configuration_draft_pkey"),
    ("agent_token.id", "agent_token_pkey"),
    ("agent_token.token_hash", "agent_token_hash"),
    ("agent_facts.name", "agent_facts_key"),
    ("agent_export.id", "agent_export_pkey"),
    ("agent_export.run_id, agent_export.step, agent_export.kind, agent_export.subject", "agent_export_one_open"),
    ("agent_page.export_id, agent_page.number", "agent_page_key"),
    ("native_change.account_id, native_change.kind, native_change.name, native_change.seen_at", "native_change_once"),
    ("native_change.account_id, native_change.kind, native_change.name", "native_change_one_undecided"),
    ("form.identity_id, form.owner_kind, form.owner", "form_one_open"),
    ("form.id", "form_pkey"),
    ("question.identity_id, question.key", "question_one_open"),
    ("question.id", "question_pkey"),
    ("answer.identity_id, answer.key", "answer_in_force"),
    ("answer.id", "answer_pkey"),
    ("number_space.id", "number_space_pkey"),
    ("restoration.id", "restoration_pkey"),
    ("configuration_version.id", "configuration_version_pkey"),
    ("console_user.id", "console_user_pkey"),
    ("run.id", "run_pkey"),
    ("identity.id", "identity_pkey"),
    ("account.id", "account_pkey"),
    ("plan.id", "plan_pkey"),
    ("plan_partition.id", "plan_partition_pkey"),
    ("provisioning_order.id", "provisioning_order_pkey"),
    ("order_item.id", "order_item_pkey"),
    ("assignment.id", "assignment_pkey"),
    ("work_item.id", "work_item_pkey"),
    ("work_item_question.id", "work_item_question_pkey"),
    ("work_item_upload.id", "work_item_upload_pkey"),
    ("request.open_key", "request_open_once"),
    ("request_item.request_id, request_item.sequence", "request_item_key"),
    ("request_key.source_kind, request_key.source_name, request_key.key", "request_key_key"),
    ("request_order.request_id, request_order.order_id", "request_order_key"),
    ("direct_grant.request_id, direct_grant.kind, direct_grant.name", "direct_grant_current"),
    ("request.id", "request_pkey"),
    ("direct_grant.id", "direct_grant_pkey"),
    ("value_edit.id", "value_edit_pkey"),
    ("mail.id", "mail_pkey"),
    ("mail_preference.user_id", "mail_preference_pkey"),
];
