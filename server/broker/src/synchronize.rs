//! The difference between what is known and what a feed or a reading just said, before anything is taken over.
//! Nothing is forgotten: who is no longer listed stays, marked as not present; an account no longer listed is Gone.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};
use jiff::Timestamp;
use model::account::{Account, AccountStatus, ObservedAccount};
use model::feed::{ChangeCounts, FeedIdentity};
use model::identity::Identity;
use model::ids::AccountId;

/// What taking a feed over would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityChanges {
    /// Sorted by key.
    pub inserted: Vec<FeedIdentity>,
    /// Their new values, sorted by id. Who comes back is among them.
    pub updated: Vec<Identity>,
    /// No longer listed, with `present` false; sorted by id.
    pub deleted: Vec<Identity>,
    pub unchanged: usize,
    pub counts: ChangeCounts,
}

/// What taking a reading over would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChanges {
    /// Not known so far, sorted by key. Whose they are is decided by [`crate::correlate`].
    pub inserted: Vec<ObservedAccount>,
    /// Their new values, sorted by id.
    pub updated: Vec<Account>,
    /// No longer listed, with status Gone; sorted by id.
    pub gone: Vec<Account>,
    /// As known; only the time of the reading is new. Sorted.
    pub unchanged: Vec<AccountId>,
    pub counts: ChangeCounts,
}

/// Compares a feed with the identities on record of the same source. Identities of other sources are left alone, as are,
/// in a feed that is not `complete`, those it does not mention. Of two rows with one key the first counts; readers of
/// feeds refuse such a feed before.
pub fn identities<'a>(
    stored: impl IntoIterator<Item = &'a Identity>,
    feed: Vec<FeedIdentity>,
    source: &str,
    complete: bool,
) -> IdentityChanges {
    let mut by_key: HashMap<&str, &Identity> = stored
        .into_iter()
        .filter(|identity| identity.source == source)
        .map(|identity| (identity.key.as_str(), identity))
        .collect();
    let mut changes = IdentityChanges::default();
    changes.counts.stored = count(by_key.values().filter(|identity| identity.present).count());
    let mut seen = HashSet::with_capacity(feed.len());
    for row in feed {
        if !seen.insert(row.key.clone()) {
            continue;
        }
        match by_key.remove(row.key.as_str()) {
            None => changes.inserted.push(row),
            Some(identity) if is_same_identity(identity, &row) => changes.unchanged += 1,
            Some(identity) => changes.updated.push(taken_over(identity, row)),
        }
    }
    if complete {
        let missing = by_key.into_values().filter(|identity| identity.present);
        changes.deleted.extend(missing.map(|identity| Identity { present: false, ..identity.clone() }));
    }
    changes.inserted.sort_by(|left, right| left.key.cmp(&right.key));
    changes.updated.sort_by_key(|identity| identity.id);
    changes.deleted.sort_by_key(|identity| identity.id);
    changes.counts.inserted = count(changes.inserted.len());
    changes.counts.updated = count(changes.updated.len());
    changes.counts.deleted = count(changes.deleted.len());
    changes
}

/// Compares a complete reading of an application with the accounts on record. Accounts of other applications are left
/// alone. `now` is when the reading began. An account that had gone and is listed again is an update.
///
/// The caller leaves out of `stored` what was created after the reading began, which the reading cannot know.
pub fn accounts(
    stored: &[Account],
    observed: Vec<ObservedAccount>,
    application: &str,
    now: Timestamp,
) -> AccountChanges {
    let mut by_key: HashMap<&str, &Account> = HashMap::with_capacity(stored.len());
    let mut changes = AccountChanges::default();
    for account in stored.iter().filter(|account| account.application == application) {
        if account.status != AccountStatus::Gone {
            changes.counts.stored += 1;
            changes.counts.links_stored += count(account.entitlements.len());
        }
        // A key that was used twice belongs to the account that is there, then to the newer one.
        let better = by_key.get(account.key.as_str()).is_none_or(|other| standing(account) > standing(other));
        if better {
            by_key.insert(&account.key, account);
        }
    }
    let mut seen = HashSet::with_capacity(observed.len());
    for reading in observed {
        if !seen.insert(reading.key.clone()) {
            continue;
        }
        match by_key.remove(reading.key.as_str()) {
            None => {
                changes.counts.links_added += count(reading.entitlements.len());
                changes.inserted.push(reading);
            }
            Some(account) if is_same_account(account, &reading) => changes.unchanged.push(account.id),
            Some(account) => {
                let before =
                    if account.status == AccountStatus::Gone { &BTreeSet::new() } else { &account.entitlements };
                changes.counts.links_added += count(reading.entitlements.difference(before).count());
                changes.counts.links_removed += count(before.difference(&reading.entitlements).count());
                changes.updated.push(observed_as(account, reading, now));
            }
        }
    }
    for account in by_key.into_values().filter(|account| account.status != AccountStatus::Gone) {
        changes.counts.links_removed += count(account.entitlements.len());
        changes.gone.push(Account { status: AccountStatus::Gone, ..account.clone() });
    }
    changes.inserted.sort_by(|left, right| left.key.cmp(&right.key));
    changes.updated.sort_by_key(|account| account.id);
    changes.gone.sort_by_key(|account| account.id);
    changes.unchanged.sort_unstable();
    changes.counts.inserted = count(changes.inserted.len());
    changes.counts.updated = count(changes.updated.len());
    changes.counts.deleted = count(changes.gone.len());
    changes
}

/// What is known of the account once it was seen like this.
pub fn observed_as(account: &Account, observed: ObservedAccount, at: Timestamp) -> Account {
    Account {
        key: observed.key,
        status: if observed.enabled { AccountStatus::Enabled } else { AccountStatus::Disabled },
        attributes: observed.attributes,
        entitlements: observed.entitlements,
        observed_at: Some(at),
        ..account.clone()
    }
}

fn is_same_identity(identity: &Identity, row: &FeedIdentity) -> bool {
    identity.present
        && identity.display_name == row.display_name
        && identity.attributes == row.attributes
        && identity.contexts == row.contexts
        && identity.manager_key == row.manager_key
}

fn taken_over(identity: &Identity, row: FeedIdentity) -> Identity {
    Identity {
        id: identity.id,
        source: identity.source.clone(),
        key: row.key,
        display_name: row.display_name,
        attributes: row.attributes,
        contexts: row.contexts,
        manager_key: row.manager_key,
        present: true,
    }
}

fn is_same_account(account: &Account, observed: &ObservedAccount) -> bool {
    let enabled = match account.status {
        AccountStatus::Enabled => true,
        AccountStatus::Disabled => false,
        AccountStatus::Gone => return false,
    };
    enabled == observed.enabled
        && account.attributes == observed.attributes
        && account.entitlements == observed.entitlements
}

fn standing(account: &Account) -> (bool, AccountId) {
    (account.status != AccountStatus::Gone, account.id)
}

fn count(number: usize) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use model::account::Provenance;
    use model::ids::IdentityId;
    use model::value::Value;

    use super::*;

    fn person(id: i64, key: &str, department: &str, present: bool) -> Identity {
        Identity {
            id: IdentityId(id),
            source: "hr".to_owned(),
            key: key.to_owned(),
            display_name: key.to_owned(),
            attributes: [("department".to_owned(), Value::from(department))].into(),
            contexts: Vec::new(),
            manager_key: None,
            present,
        }
    }

    fn row(key: &str, department: &str) -> FeedIdentity {
        FeedIdentity {
            key: key.to_owned(),
            display_name: key.to_owned(),
            attributes: [("department".to_owned(), Value::from(department))].into(),
            contexts: Vec::new(),
            manager_key: None,
        }
    }

    fn ids(identities: &[Identity]) -> Vec<i64> {
        identities.iter().map(|identity| identity.id.0).collect()
    }

    #[test]
    fn joiners_movers_leavers_and_who_comes_back() {
        let other = Identity { source: "contractors".to_owned(), ..person(9, "a", "x", true) };
        let stored = [
            person(1, "a", "Sales", true),
            person(2, "b", "Sales", true),
            person(3, "c", "Sales", true),
            person(4, "d", "Sales", false),
            person(5, "e", "Sales", false),
            other,
        ];
        let feed = vec![row("d", "Sales"), row("z", "New"), row("b", "Sales"), row("a", "Finance"), row("z", "Twice")];

        let changes = identities(&stored, feed.clone(), "hr", true);
        assert_eq!(changes.inserted, [row("z", "New")]);
        assert_eq!(ids(&changes.updated), [1, 4]);
        assert!(changes.updated.iter().all(|identity| identity.present));
        assert_eq!(ids(&changes.deleted), [3]);
        assert!(!changes.deleted[0].present);
        assert_eq!(changes.unchanged, 1);
        assert_eq!(
            changes.counts,
            ChangeCounts { stored: 3, inserted: 1, updated: 2, deleted: 1, ..ChangeCounts::default() }
        );

        let partial = identities(&stored, feed, "hr", false);
        assert!(partial.deleted.is_empty());
        assert_eq!((partial.inserted, partial.updated), (changes.inserted, changes.updated));
    }

    fn account(id: i64, key: &str, status: AccountStatus, entitlements: &[&str]) -> Account {
        Account {
            id: AccountId(id),
            application: "directory".to_owned(),
            account_type: "person".to_owned(),
            key: key.to_owned(),
            owner: None,
            status,
            provenance: Provenance::Created,
            attributes: Default::default(),
            entitlements: entitlements.iter().map(|&key| key.to_owned()).collect(),
            observed_at: None,
        }
    }

    fn seen(key: &str, enabled: bool, entitlements: &[&str]) -> ObservedAccount {
        ObservedAccount {
            key: key.to_owned(),
            enabled,
            attributes: Default::default(),
            entitlements: entitlements.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    #[test]
    fn accounts_appear_change_and_go_and_links_are_counted() {
        use AccountStatus::{Disabled, Enabled, Gone};
        let now = Timestamp::from_second(1_000).unwrap();
        let stored = [
            account(1, "same", Enabled, &["x"]),
            account(2, "links", Enabled, &["x", "y"]),
            account(3, "disabled", Enabled, &[]),
            account(4, "missing", Disabled, &["x", "z"]),
            account(5, "back", Gone, &["x"]),
            account(6, "long gone", Gone, &["x"]),
            account(7, "reused", Gone, &[]),
            account(8, "reused", Enabled, &[]),
            Account { application: "elsewhere".to_owned(), ..account(9, "new", Enabled, &[]) },
        ];
        let observed = vec![
            seen("reused", true, &[]),
            seen("back", true, &["x"]),
            seen("new", true, &["x", "y"]),
            seen("disabled", false, &[]),
            seen("links", true, &["y", "z"]),
            seen("same", true, &["x"]),
        ];
        let changes = accounts(&stored, observed, "directory", now);
        assert_eq!(changes.inserted, [seen("new", true, &["x", "y"])]);
        let updated: Vec<_> = changes.updated.iter().map(|account| (account.id.0, account.status)).collect();
        assert_eq!(updated, [(2, Enabled), (3, Disabled), (5, Enabled)]);
        assert!(changes.updated.iter().all(|account| account.observed_at == Some(now)));
        let gone: Vec<_> = changes.gone.iter().map(|account| (account.id.0, account.status)).collect();
        assert_eq!(gone, [(4, Gone)]);
        assert_eq!(changes.unchanged, [AccountId(1), AccountId(8)]);
        assert_eq!(
            changes.counts,
            ChangeCounts {
                stored: 5,
                inserted: 1,
                updated: 3,
                deleted: 1,
                links_stored: 5,
                links_added: 4,
                links_removed: 3,
                privileged_granted: 0,
            }
        );
    }

    #[test]
    fn an_empty_reading_takes_everything_away_and_says_so() {
        let stored = [account(1, "a", AccountStatus::Enabled, &["x"]), account(2, "b", AccountStatus::Enabled, &[])];
        let changes = accounts(&stored, Vec::new(), "directory", Timestamp::UNIX_EPOCH);
        assert_eq!((changes.counts.deleted, changes.counts.links_removed, changes.gone.len()), (2, 1, 2));
    }
}
