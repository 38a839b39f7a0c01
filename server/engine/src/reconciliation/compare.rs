//! Compares accounts with what is granted, beside everything else, and keeps what is found: so whoever asks what nothing grants
//! does not wait until all that is held was looked at. A few that were not compared yet are compared while somebody asks.

use std::sync::atomic::Ordering;

use model::error::ApiError;
use model::reconciliation::{ReconciliationFilter, View};
use store::StoreError;

use super::VIEW;
use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// Accounts that are compared in one transaction: others do not wait long for it.
const AT_ONCE: u32 = 500;
/// How often it goes on in a round while a run of this process delivers orders, which are not to wait for it.
const WHILE_DELIVERING: u32 = 2;
/// More than that are not counted for whoever asks.
const MOST_COUNTED: u32 = 100_000;
/// No carrier has a name with a space.
const NAME: &str = "accounts to reconcile";

/// What a list of what nothing grants leaves out for now, because it has to be compared first, as a sentence. None where it leaves
/// nothing out.
pub async fn left_out(op: &OpContext, filter: &ReconciliationFilter) -> Result<Option<String>, ApiError> {
    op.require(VIEW)?;
    // Of one person all accounts are compared while somebody asks.
    if filter.identity.is_some() || !matches!(filter.view, View::Access | View::Accounts | View::Roles) {
        return Ok(None);
    }
    let (store, today) = (op.engine.store(), op.engine.today());
    if !store.leaves_accounts_out(today).await.map_err(internal)? {
        return Ok(None);
    }
    let accounts = store.accounts_to_reconcile(MOST_COUNTED, today).await.map_err(internal)?;
    let accounts = match accounts < u64::from(MOST_COUNTED) {
        true => accounts.to_string(),
        false => "More than 100,000".to_owned(),
    };
    Ok(Some(format!(
        "{accounts} accounts are being compared with what is granted, and are missing here until then. Look again \
         in a while."
    )))
}

/// Goes on until all were compared.
pub(crate) fn sweep(engine: &Engine) {
    if !engine.delivering().insert(NAME.to_owned()) {
        return;
    }
    let engine = engine.clone();
    engine.clone().beside(async move {
        if let Err(error) = compare(&engine).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "What accounts hold cannot be compared with what is granted"
            );
        }
        engine.delivering().remove(NAME);
    });
}

async fn compare(engine: &Engine) -> Result<(), StoreError> {
    let (store, mut round) = (engine.store(), 0);
    while !engine.stopping().is_cancelled() {
        if engine.fulfilling().load(Ordering::Relaxed) && round >= WHILE_DELIVERING {
            break;
        }
        let today = engine.today();
        // Whoever only looks takes no turn of those who write; and what trickles in waits for the next round.
        if store.accounts_to_reconcile(1, today).await? == 0
            || store.reconcile(AT_ONCE, today).await? < u64::from(AT_ONCE)
        {
            break;
        }
        round += 1;
    }
    Ok(())
}
