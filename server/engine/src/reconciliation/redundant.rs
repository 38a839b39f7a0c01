//! Direct grants of what a rule gives as well.

use broker::reconciliation::causes;
use model::error::ApiError;
use model::reconciliation::{ReconciliationFilter, Redundancy, Subject};

use crate::context::OpContext;
use crate::error::internal;

/// All that match, the latest first.
pub(super) async fn all(op: &OpContext, filter: &ReconciliationFilter) -> Result<Vec<Redundancy>, ApiError> {
    let beside = op.engine.store().grants_beside(filter, op.engine.today()).await.map_err(internal)?;
    let rows = beside.into_iter().filter_map(|beside| {
        let causes = causes(&beside.reasons);
        let application = op.engine.application_of(&beside.grant.grantable);
        let is_meant = filter.application.is_none() || filter.application == application;
        (is_meant && !causes.is_empty()).then(|| Redundancy {
            subject: Subject::Grant { grant: beside.grant.id },
            identity: beside.grant.identity,
            identity_name: beside.identity_name,
            label: op.engine.label(&beside.grant.grantable),
            grantable: beside.grant.grantable,
            application,
            request: beside.grant.origin.request,
            requester: beside.grant.origin.by,
            justification: beside.grant.origin.why,
            period: beside.grant.period,
            since: beside.since,
            causes,
        })
    });
    Ok(rows.collect())
}
