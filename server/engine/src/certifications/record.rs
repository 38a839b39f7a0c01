//! The one way in which items change: all of a batch with what is told of it, or nothing.

use jiff::Timestamp;
use model::certification::{CertificationEvent, CertificationItem, ItemState};
use model::ids::{CampaignId, CertificationItemId};
use model::mail::Notice;
use model::view::AuditLine;
use store::{NewIdentityEvent, StoreError};

use crate::Engine;

/// Items as they are to be, with the versions that were seen.
#[derive(Clone, Default)]
pub(super) struct Batch {
    /// Only while this campaign runs.
    pub(super) running: Option<CampaignId>,
    pub(super) items: Vec<CertificationItem>,
    /// Of these, those whose reviewers change.
    pub(super) reassigned: Vec<CertificationItem>,
    pub(super) events: Vec<CertificationEvent>,
    pub(super) told: Vec<NewIdentityEvent>,
    pub(super) notices: Vec<Notice>,
    pub(super) audit: Vec<AuditLine>,
}

impl Batch {
    /// # Errors
    /// `Contended` where one of them is not any more as it was seen, or the campaign is over.
    pub(super) async fn record(self, engine: &Engine) -> Result<(), StoreError> {
        let work = engine.store().write(move |tx| {
            Box::pin(async move {
                if let Some(id) = self.running
                    && !tx.hold_campaign(id).await?
                {
                    return Err(StoreError::Contended);
                }
                tx.update_certification_items(&self.items).await?;
                if !self.reassigned.is_empty() {
                    tx.replace_certification_reviewers(&self.reassigned).await?;
                }
                tx.append_certification_events(&self.events).await?;
                tx.append_identity_events(&self.told).await?;
                tx.insert_notices(&self.notices).await?;
                for line in &self.audit {
                    tx.append_audit(line).await?;
                }
                Ok(())
            })
        });
        work.await
    }

    pub(super) fn event(
        &mut self,
        item: CertificationItemId,
        state: ItemState,
        (actor, at): (&str, Timestamp),
        message: String,
    ) {
        self.events.push(CertificationEvent { item, at, state, actor: actor.to_owned(), message });
    }

    /// On the timeline of the person.
    pub(super) fn tell(&mut self, item: &CertificationItem, at: Timestamp, message: String) {
        self.told.push(NewIdentityEvent { identity: item.identity, at, message, order: None, run: None });
    }
}
