//! What rows of a bulk change mean, and whether each makes sense as things are: with the very checks of a request that is
//! asked for alone, and what earlier rows of the same person will have done.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;
use model::access::{GrantOrigin, Grantable};
use model::account::Account;
use model::bulk_change::{BulkChange, BulkRow, BulkRowState};
use model::error::{ApiError, ErrorCode};
use model::identity::Identity;
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::{Change, DirectGrant, NewRequest, RequestItem, RequestSource};
use model::trigger::Trigger;

use crate::context::OpContext;
use crate::error::internal;
use crate::indirect::Follower;
use crate::requests::batch::{self, Refused, Weighed};

/// What is known of the people of some rows.
pub(super) struct Known {
    by_key: HashMap<String, IdentityId>,
    people: HashMap<IdentityId, Identity>,
    /// What each is given directly, rows that were looked at before included.
    grants: HashMap<IdentityId, Vec<DirectGrant>>,
    accounts: HashMap<IdentityId, Vec<Account>>,
    /// On which line somebody gets or loses a thing.
    lines: HashMap<(IdentityId, Grantable), u64>,
    /// What names mean.
    names: HashMap<String, Result<Grantable, String>>,
    follower: Follower,
}

impl Known {
    /// `earlier` are rows of the same bulk change that are not carried out yet.
    pub(super) async fn read(
        op: &OpContext,
        change: &BulkChange,
        rows: &[BulkRow],
        earlier: bool,
    ) -> Result<Self, ApiError> {
        op.engine.follow().await.map_err(|_| ApiError::internal())?;
        let store = op.engine.store();
        let written: HashSet<&str> = rows.iter().map(|row| row.written.identity.as_str()).collect();
        let numbers: Vec<IdentityId> = written.iter().filter_map(|key| number(key)).collect();
        let keys: Vec<&str> = written.into_iter().filter(|key| number(key).is_none() && !key.is_empty()).collect();
        let mut found = store.identities_by_key(&keys).await.map_err(internal)?;
        let by_key = found.iter().map(|identity| (identity.key.clone(), identity.id)).collect();
        found.extend(store.identities_by_id(&numbers).await.map_err(internal)?);
        let people: HashMap<IdentityId, Identity> = found.into_iter().map(|identity| (identity.id, identity)).collect();
        let ids: Vec<IdentityId> = people.keys().copied().collect();
        let mut known = Self {
            by_key,
            people,
            grants: HashMap::new(),
            accounts: HashMap::new(),
            lines: HashMap::new(),
            names: HashMap::new(),
            follower: Follower::new(store, &op.engine.world().live()),
        };
        for grant in store.direct_grants(Some(&ids)).await.map_err(internal)? {
            known.grants.entry(grant.identity).or_default().push(grant);
        }
        for account in store.accounts_of(&ids).await.map_err(internal)? {
            if let Some(owner) = account.owner {
                known.accounts.entry(owner).or_default().push(account);
            }
        }
        let before = match earlier {
            true => store.bulk_rows_of(change.id, &ids, change.through).await.map_err(internal)?,
            false => Vec::new(),
        };
        for row in before {
            if let (Some(id), Some((_, thing)), Ok(new)) = (row.identity, &row.item, known.understood(op, change, &row))
            {
                known.lines.insert((id, thing.clone()), row.line);
                known.will_have(&new);
            }
        }
        Ok(known)
    }

    fn grants(&self, id: IdentityId) -> Vec<DirectGrant> {
        self.grants.get(&id).cloned().unwrap_or_default()
    }

    /// Says on the row what it comes to; the request that it would become where it changes something.
    pub(super) async fn assess(
        &mut self,
        op: &OpContext,
        change: &BulkChange,
        row: &mut BulkRow,
    ) -> Result<Option<Weighed>, ApiError> {
        (row.identity, row.item, row.message, row.risk) = (None, None, None, None);
        let refused = match self.weigh(op, change, row).await {
            Ok(weighed) => {
                row.state = BulkRowState::Ready;
                row.risk = weighed.risk();
                row.message = weighed.remark();
                self.grants.insert(weighed.new.identity, weighed.after().to_vec());
                if let Some((_, thing)) = &row.item {
                    self.lines.insert((weighed.new.identity, thing.clone()), row.line);
                }
                return Ok(Some(weighed));
            }
            Err(refused) => refused,
        };
        let (state, error) = match refused {
            Refused::Already(error) => (BulkRowState::Already, error),
            Refused::Wrong(error) => (BulkRowState::Refused, error),
        };
        if error.code == ErrorCode::Internal {
            return Err(error);
        }
        (row.state, row.message) = (state, Some(error.message));
        Ok(None)
    }

    async fn weigh(&mut self, op: &OpContext, change: &BulkChange, row: &mut BulkRow) -> Result<Weighed, Refused> {
        if let Some(problem) = &row.written.problem {
            return Err(ApiError::new(ErrorCode::Invalid, problem.clone()).into());
        }
        let new = self.understood(op, change, row)?;
        row.identity = Some(new.identity);
        row.item = new.items.first().map(|item| (item.change, item.grantable.clone()));
        if let Some((_, thing)) = &row.item
            && let Some(line) = self.lines.get(&(new.identity, thing.clone())).filter(|line| **line != row.line)
        {
            let message =
                format!("Line {line} says what becomes of the same thing for the same person. Keep one of the two.");
            return Err(ApiError::new(ErrorCode::Conflict, message).into());
        }
        let Some(identity) = self.people.get(&new.identity) else { return Err(nobody(&row.written.identity).into()) };
        let before = self.grants(new.identity);
        let accounts = self.accounts.get(&new.identity).map_or(&[][..], Vec::as_slice);
        batch::weigh(op, new.clone(), identity, before, accounts, &mut self.follower).await
    }

    /// The request that a row asks for.
    fn understood(&mut self, op: &OpContext, change: &BulkChange, row: &BulkRow) -> Result<NewRequest, ApiError> {
        let written = &row.written;
        let invalid = |message: String| ApiError::new(ErrorCode::Invalid, message);
        if written.identity.is_empty() {
            return Err(invalid(
                "The column `identity` is empty. Write the person\u{2019}s key, or # and their number.".to_owned(),
            ));
        }
        let id = match number(&written.identity) {
            Some(id) => Some(id),
            None => self.by_key.get(&written.identity).copied(),
        };
        let identity = id.filter(|id| self.people.contains_key(id)).ok_or_else(|| nobody(&written.identity))?;
        let action = match written.action.to_lowercase().as_str() {
            "give" | "add" => Change::Give,
            "take" | "remove" => Change::Take,
            "" => return Err(invalid("The column `action` is empty. Write give or take.".to_owned())),
            _ => return Err(invalid(format!("`{}` is no action. Write give or take.", short(&written.action)))),
        };
        let grantable = self.named(op, &written.kind, &written.name).map_err(invalid)?;
        let items = vec![RequestItem { change: action, grantable }];
        let source = RequestSource {
            kind: "bulk change".to_owned(),
            name: change.id.to_string(),
            reference: Some(format!("line {}", row.line)),
        };
        let reason = if written.justification.is_empty() { &change.reason } else { &written.justification };
        Ok(NewRequest {
            key: Some(format!("{}:{}", change.digest, row.line)),
            not_before: date(&written.not_before, "not_before")?,
            until: date(&written.until, "until")?,
            risk_comment: change.risk_comment.clone(),
            ..NewRequest::new(Trigger::Administrator, source, identity, items, reason.clone())
        })
    }

    fn named(&mut self, op: &OpContext, kind: &str, name: &str) -> Result<Grantable, String> {
        if name.is_empty() {
            return Err("The column `name` is empty. Write the name of what is given or taken away.".to_owned());
        }
        let kind = kind.to_lowercase().replace([' ', '-'], "_");
        if !kind.is_empty() && Grantable::from_parts(&kind, name).is_none() {
            return Err(format!(
                "`{}` is no kind. Write role, access_profile, account_type or entitlement.",
                short(&kind)
            ));
        }
        let typed = if kind.is_empty() { name.to_owned() } else { format!("{kind}:{name}") };
        if let Some(known) = self.names.get(&typed) {
            return known.clone();
        }
        let found = crate::requests::name(op, &typed).map_err(|error| error.message);
        self.names.insert(typed, found.clone());
        found
    }

    /// What the person is given directly once this request stands, as far as other rows see it.
    fn will_have(&mut self, new: &NewRequest) {
        let grants = self.grants.entry(new.identity).or_default();
        for item in &new.items {
            if item.change == Change::Take {
                grants.retain(|grant| grant.grantable != item.grantable);
                continue;
            }
            grants.push(DirectGrant {
                id: DirectGrantId(0),
                identity: new.identity,
                grantable: item.grantable.clone(),
                period: model::identity::Period {
                    starts: new.not_before,
                    ends: new.until.and_then(|last| last.tomorrow().ok()),
                },
                origin: GrantOrigin { request: RequestId(0), by: String::new(), why: new.justification.clone() },
            });
        }
    }
}

fn number(key: &str) -> Option<IdentityId> {
    key.strip_prefix('#').and_then(|number| number.parse().ok())
}

fn nobody(key: &str) -> ApiError {
    let message = format!(
        "There is nobody with the key `{}`. Write a key of the identity source, or # and a number.",
        short(key)
    );
    ApiError::new(ErrorCode::NotFound, message)
}

fn date(text: &str, column: &str) -> Result<Option<Date>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        ApiError::invalid(
            column,
            format!("`{}` in the column `{column}` is no day. Write it as 2026-12-31.", short(text)),
        )
    })
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}
