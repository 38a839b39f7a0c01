//! What a name stands for that a person typed: one thing, several of one name, or nothing but names that are like it.

use model::access::Grantable;
use model::configuration::Configuration;

/// See [`find`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    One(Grantable),
    Several(Vec<Grantable>),
    /// Nothing has the name. Those most like it, the nearest first.
    Unknown(Vec<Grantable>),
}

/// How many names are offered where none fits.
const OFFERED: usize = 5;

/// The thing of a name, of one kind where one is given. The name itself counts first, then the name without regard to
/// case, then what people call the thing.
pub fn find(configuration: &Configuration, kind: Option<&str>, text: &str) -> Named {
    let text = text.trim();
    let all = everything(configuration);
    let of_kind = |grantable: &Grantable| kind.is_none_or(|kind| grantable.kind() == kind);
    let folded = text.to_lowercase();
    let exactly = |grantable: &Grantable, _: &str| grantable.name() == text;
    let in_words = |grantable: &Grantable, label: &str| {
        grantable.name().to_lowercase() == folded || label.to_lowercase() == folded
    };
    let named = |fits: &dyn Fn(&Grantable, &str) -> bool| -> Vec<Grantable> {
        let fitting = all.iter().filter(|(grantable, label)| of_kind(grantable) && fits(grantable, label));
        fitting.map(|(grantable, _)| grantable.clone()).collect()
    };
    let mut found = named(&exactly);
    if found.is_empty() {
        found = named(&in_words);
    }
    if found.len() > 1 {
        return Named::Several(found);
    }
    if let Some(one) = found.pop() {
        return Named::One(one);
    }
    let mut near: Vec<(usize, bool, Grantable)> = all
        .into_iter()
        .filter_map(|(grantable, label)| {
            let far = distance(&folded, grantable.name()).into_iter().chain(distance(&folded, label)).min()?;
            Some((far, !of_kind(&grantable), grantable))
        })
        .collect();
    near.sort();
    Named::Unknown(near.into_iter().take(OFFERED).map(|(_, _, grantable)| grantable).collect())
}

/// Everything that can be held, with what people call it, sorted.
pub fn everything(configuration: &Configuration) -> Vec<(Grantable, &str)> {
    let roles = configuration.roles.iter().map(|(name, role)| (Grantable::Role(name.clone()), &role.display_name));
    let profiles = configuration
        .access_profiles
        .iter()
        .map(|(name, profile)| (Grantable::AccessProfile(name.clone()), &profile.display_name));
    let account_types = configuration
        .account_types
        .iter()
        .map(|(name, kind)| (Grantable::AccountType(name.clone()), &kind.display_name));
    let entitlements = configuration
        .entitlements
        .iter()
        .map(|(name, entitlement)| (Grantable::Entitlement(name.clone()), &entitlement.display_name));
    let all = roles.chain(profiles).chain(account_types).chain(entitlements);
    all.map(|(grantable, label)| (grantable, label.as_str())).collect()
}

/// How far a name is from what was typed; none where it is another word altogether. A part of a name counts as one
/// slip, since people type the part they remember.
fn distance(typed: &str, name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let slips = strsim::osa_distance(typed, &name);
    let is_part = typed.chars().count() >= 3 && name.contains(typed);
    let allowed = (typed.chars().count().min(name.chars().count()) / 3).max(1);
    if is_part {
        return Some(slips.min(1));
    }
    (slips <= allowed).then_some(slips)
}

#[cfg(test)]
mod tests {
    use model::access::Grantable;
    use model::configuration::Configuration;

    use super::{Named, find};

    fn configuration() -> Configuration {
        serde_json::from_value(serde_json::json!({
            "roles": {
                "sales": { "display_name": "Sales staff", "description": null },
                "vpn": { "display_name": "Works from home", "description": null },
            },
            "access_profiles": {
                "crm": { "display_name": "CRM", "description": null, "application": "crm", "entitlements": [] },
            },
            "entitlements": {
                "vpn": { "display_name": "Virtual private network", "description": null, "account_type": "x", "key": "vpn" },
                "crm-reader": { "display_name": "Reads the CRM", "description": null, "account_type": "x", "key": "r" },
                "crm-writer": { "display_name": "Writes to the CRM", "description": null, "account_type": "x", "key": "w" },
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_name_is_found_asked_about_or_answered_with_others() {
        let role = |name: &str| Grantable::Role(name.into());
        let entitlement = |name: &str| Grantable::Entitlement(name.into());
        let cases = [
            (None, "crm-reader", Named::One(entitlement("crm-reader"))),
            (None, " crm-reader ", Named::One(entitlement("crm-reader"))),
            (None, "vpn", Named::Several(vec![role("vpn"), entitlement("vpn")])),
            (Some("role"), "vpn", Named::One(role("vpn"))),
            (Some("entitlement"), "vpn", Named::One(entitlement("vpn"))),
            // Case, and what people call it.
            (None, "Sales", Named::One(role("sales"))),
            (None, "virtual private network", Named::One(entitlement("vpn"))),
            (None, "CRM", Named::One(Grantable::AccessProfile("crm".into()))),
            // Mistyped: transposed, one missing, one wrong, another kind.
            (None, "crm-raeder", Named::Unknown(vec![entitlement("crm-reader")])),
            (Some("role"), "crm-reader", Named::Unknown(vec![entitlement("crm-reader")])),
            (Some("role"), "vnp", Named::Unknown(vec![role("vpn"), entitlement("vpn")])),
            (None, "sale", Named::Unknown(vec![role("sales")])),
            (None, "writes", Named::Unknown(vec![entitlement("crm-writer")])),
            (None, "teapot", Named::Unknown(vec![])),
            (None, "", Named::Unknown(vec![])),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(find(&configuration(), kind, text), expected, "{kind:?} {text:?}");
        }
    }
}
