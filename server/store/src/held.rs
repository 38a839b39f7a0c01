//! What everybody's accounts hold now, whether the role model knows it or not.

use std::collections::HashMap;

use model::ids::IdentityId;

use crate::connection::{Row, arguments};
use crate::{Result, Store};

const HELD: &str = "
    select a.owner_id, a.application, a.account_type, e.entitlement
    from account a
    join account_entitlement e on e.account_id = a.id and e.until is null
    where a.owner_id is not null
      and a.status <> 'gone'
    order by a.owner_id, a.application, a.account_type, e.entitlement";

/// An entitlement as an application has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldKey {
    pub application: String,
    pub account_type: String,
    pub key: String,
}

/// Everything that accounts hold, with whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldEntitlements {
    /// Each once, in the order in which they were first met.
    pub keys: Vec<HeldKey>,
    /// Who holds what, as a position among the keys; by person.
    pub holdings: Vec<(IdentityId, u32)>,
}

impl Store {
    /// All of it, with one copy of each key: there may be millions of holdings.
    pub async fn held_entitlements(&self) -> Result<HeldEntitlements> {
        let mut keys: Vec<HeldKey> = Vec::new();
        let mut known: HashMap<HeldKey, u32> = HashMap::new();
        let each = |row: Row| {
            let key = HeldKey {
                application: row.text("application")?,
                account_type: row.text("account_type")?,
                key: row.text("entitlement")?,
            };
            let next = u32::try_from(keys.len()).unwrap_or(u32::MAX);
            let place = *known.entry(key.clone()).or_insert_with(|| {
                keys.push(key);
                next
            });
            Ok((IdentityId(row.integer("owner_id")?), place))
        };
        let holdings = self.reader().await?.read(HELD, arguments![], each).await?;
        Ok(HeldEntitlements { keys, holdings })
    }
}
