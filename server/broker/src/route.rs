//! Which way an order goes: who carries out which part of an application's orders, and why.
//!
//! | | first that fits                                          | mechanism          | sent to         |
//! |-|----------------------------------------------------------|--------------------|-----------------|
//! |1| an integration that names the application, for this part | the integration's  | the integration |
//! |2| the application's own connection, where it writes it     | the connection's   | the application |
//! |3| the proxy's connection, where it writes this part        | the proxy's        | the proxy       |
//! |4| the universal integration, where it takes this part      | the integration's  | the integration |
//! |5| people                                                   | manual             | the application |
//!
//! A connection of the kind *manual* writes nothing: it says who the people of the last line are. Nor does one that an
//! agent reads: it cannot be reached from here, so its orders go to an integration, a proxy, or people. Accounts with their
//! attributes and entitlements are decided apart. Nothing here looks at how an application or integration *is*: what
//! does not answer is waited for, and only a person gives an order to people instead ([`crate::operator`]).

use model::account::Mechanism;
use model::configuration::{Application, Configuration, Integration, Part};
use model::order::{Order, OrderItem, ProvisioningState};
use model::plan::ItemKind;

use crate::catalogue::Catalogue;

/// The way of one part of an application's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub mechanism: Mechanism,
    /// Application or integration that it is sent to.
    pub carrier: String,
    pub way: Way,
    /// Why it goes this way, a sentence.
    pub why: String,
}

/// The line of the module's table that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    Integration,
    Own,
    Proxy,
    Universal,
    People,
}

impl Route {
    /// That of an application which the configuration no longer knows.
    pub fn unknown(application: &str) -> Self {
        Self {
            mechanism: Mechanism::Manual,
            carrier: application.to_owned(),
            way: Way::People,
            why: "The configuration does not know the application any more: people do it.".to_owned(),
        }
    }
}

/// Whether an order that was not sent goes the way that the configuration says. What a person gave to people stays there.
pub fn fits(order: &Order, catalogue: &Catalogue) -> bool {
    if order.given_to_people || order.state == ProvisioningState::Error {
        return true;
    }
    let is_entitlement = |item: &&OrderItem| item.kind == ItemKind::Entitlement;
    let entitlements = order.items.iter().filter(is_entitlement).count();
    let is_mixed = entitlements > 0 && entitlements < order.items.len();
    let part = if entitlements > 0 && !is_mixed { Part::Entitlements } else { Part::Accounts };
    let route = catalogue.route(&order.application, part);
    (order.mechanism, &order.carrier) == (route.mechanism, &route.carrier)
        && !(is_mixed && catalogue.is_divided(&order.application))
}

/// Decides the way of a part of an application's orders.
pub fn route(configuration: &Configuration, application: &str, part: Part) -> Route {
    let Some(known) = configuration.applications.get(application) else { return Route::unknown(application) };
    let (label, what) = (&known.display_name, part.label());
    let to = |way, mechanism, carrier: &str, why| Route { mechanism, carrier: carrier.to_owned(), way, why };
    if let Some((name, integration)) = named(configuration, application, part) {
        let why =
            format!("\u{201c}{}\u{201d} carries out {what} of \u{201c}{label}\u{201d}.", integration.display_name);
        return to(Way::Integration, integration.connection.mechanism(), name, why);
    }
    if writes(known, part) {
        let why = format!("The connection of \u{201c}{label}\u{201d} writes {what} itself.");
        return to(Way::Own, known.connection.mechanism(), application, why);
    }
    if let Some((name, proxy)) = proxy(configuration, known, part) {
        let why = format!(
            "The connection of \u{201c}{label}\u{201d} does not write {what}; that of \u{201c}{}\u{201d} does it in its place.",
            proxy.display_name
        );
        return to(Way::Proxy, proxy.connection.mechanism(), name, why);
    }
    if let Some((name, integration)) = universal(configuration, part) {
        let why = format!(
            "No connection writes {what} of \u{201c}{label}\u{201d}; \u{201c}{}\u{201d} carries out what nobody else does.",
            integration.display_name
        );
        return to(Way::Universal, integration.connection.mechanism(), name, why);
    }
    let why = match known.connection.mechanism() {
        Mechanism::Direct | Mechanism::Executor if known.read_by.is_some() => {
            format!("\u{201c}{label}\u{201d} is read by an agent and cannot be written to from here: people do it.")
        }
        Mechanism::Manual => format!("\u{201c}{label}\u{201d} is worked by hand."),
        Mechanism::Direct | Mechanism::Executor => {
            format!("Nothing writes {what} of \u{201c}{label}\u{201d}: people do it.")
        }
    };
    to(Way::People, Mechanism::Manual, application, why)
}

/// The integration that names the application; the first by name, though reading the configuration refuses a second.
fn named<'a>(configuration: &'a Configuration, application: &str, part: Part) -> Option<(&'a str, &'a Integration)> {
    let names_it = |integration: &Integration| {
        integration.takes.include(part) && integration.applications.iter().any(|named| named == application)
    };
    let found = configuration.integrations.iter().find(|(_, integration)| names_it(integration));
    found.map(|(name, integration)| (name.as_str(), integration))
}

fn universal(configuration: &Configuration, part: Part) -> Option<(&str, &Integration)> {
    let is_it = |integration: &Integration| integration.universal && integration.takes.include(part);
    let found = configuration.integrations.iter().find(|(_, integration)| is_it(integration));
    found.map(|(name, integration)| (name.as_str(), integration))
}

fn proxy<'a>(
    configuration: &'a Configuration,
    application: &'a Application,
    part: Part,
) -> Option<(&'a str, &'a Application)> {
    let name = application.proxy.as_deref()?;
    let proxy = configuration.applications.get(name)?;
    writes(proxy, part).then_some((name, proxy))
}

/// Whether the application's own connection writes this part.
fn writes(application: &Application, part: Part) -> bool {
    application.connection.mechanism() != Mechanism::Manual && application.written().include(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration with the application `clinic`, a `hub` and integrations, as each row has them.
    fn configuration(clinic: &str, proxy: Option<&str>, hub: &str, integrations: &[(&str, &str)]) -> Configuration {
        let application = |spec: &str, proxy: Option<&str>| {
            let (kind, writes) = spec.split_once(' ').unwrap();
            let connection = match kind {
                "scim" => serde_json::json!({ "kind": "scim", "url": "https://d.example" }),
                "csv" => serde_json::json!({ "kind": "csv", "outbox": "o", "inbox": "i" }),
                _ => serde_json::json!({ "kind": "manual" }),
            };
            let (writes, read_by) = match writes {
                "by agent" => ("everything", Some("north")),
                writes => (writes, None),
            };
            serde_json::json!({
                "display_name": "Clinic", "connection": connection, "writes": writes, "proxy": proxy, "read_by": read_by
            })
        };
        let integration = |spec: &str| {
            let mut words = spec.split(' ');
            let kind = words.next().unwrap();
            let connection = match kind {
                "csv" => serde_json::json!({ "kind": "csv", "outbox": "o", "inbox": "i" }),
                _ => serde_json::json!({ "kind": "manual" }),
            };
            let takes = words.next().unwrap();
            let how = words.next().unwrap();
            let applications: Vec<&str> = if how == "universal" { vec![] } else { vec![how] };
            serde_json::json!({
                "display_name": "Desk", "connection": connection, "takes": takes,
                "universal": how == "universal", "applications": applications,
            })
        };
        let integrations: serde_json::Map<_, _> =
            integrations.iter().map(|(name, spec)| ((*name).to_owned(), integration(spec))).collect();
        serde_json::from_value(serde_json::json!({
            "applications": { "clinic": application(clinic, proxy), "hub": application(hub, None) },
            "integrations": integrations,
        }))
        .unwrap()
    }

    #[test]
    fn the_first_that_fits_carries_it_out() {
        use Mechanism::{Direct, Executor, Manual};
        type Row<'a> = (&'a str, Option<&'a str>, &'a str, &'a [(&'a str, &'a str)]);
        type Expected<'a> = (Way, Mechanism, &'a str);
        let own = (Way::Own, Direct, "clinic");
        let people = (Way::People, Manual, "clinic");
        let hub = (Way::Proxy, Direct, "hub");
        let desk = (Way::Integration, Executor, "desk");
        let all = (Way::Universal, Executor, "all");
        let everybody: (&str, &str) = ("all", "csv everything universal");
        let rows: &[(Row<'_>, Expected<'_>, Expected<'_>)] = &[
            // Nothing but a connection.
            (("scim everything", None, "scim everything", &[]), own, own),
            (
                ("csv everything", None, "scim everything", &[]),
                (Way::Own, Executor, "clinic"),
                (Way::Own, Executor, "clinic"),
            ),
            (("manual everything", None, "scim everything", &[]), people, people),
            // What it does not write is for people.
            (("scim accounts", None, "scim everything", &[]), own, people),
            (("scim entitlements", None, "scim everything", &[]), people, own),
            (("scim nothing", None, "scim everything", &[]), people, people),
            // A proxy writes what the own connection does not, as far as it writes itself.
            (("scim nothing", Some("hub"), "scim everything", &[]), hub, hub),
            (("scim accounts", Some("hub"), "scim everything", &[]), own, hub),
            (("scim everything", Some("hub"), "scim everything", &[]), own, own),
            (("scim nothing", Some("hub"), "scim accounts", &[]), hub, people),
            (("scim nothing", Some("hub"), "csv entitlements", &[]), people, (Way::Proxy, Executor, "hub")),
            (("manual everything", Some("hub"), "scim everything", &[]), hub, hub),
            (("scim nothing", Some("hub"), "manual everything", &[]), people, people),
            // What an agent reads is not written to from here, nor is anything else through it.
            (("scim by agent", None, "scim everything", &[]), people, people),
            (("scim by agent", Some("hub"), "scim everything", &[]), hub, hub),
            (("scim nothing", Some("hub"), "scim by agent", &[]), people, people),
            (("scim by agent", None, "scim everything", &[everybody]), all, all),
            (("scim by agent", None, "scim everything", &[("desk", "csv everything clinic")]), desk, desk),
            // The universal integration takes what neither of them writes.
            (("scim nothing", Some("hub"), "scim accounts", &[everybody]), hub, all),
            (("scim accounts", None, "scim everything", &[everybody]), own, all),
            (("manual everything", None, "scim everything", &[everybody]), all, all),
            (("scim nothing", None, "scim everything", &[("all", "csv accounts universal")]), all, people),
            (("scim everything", None, "scim everything", &[everybody]), own, own),
            // An integration that names the application goes before all of these, for the parts that it takes.
            (
                ("scim everything", Some("hub"), "scim everything", &[everybody, ("desk", "csv everything clinic")]),
                desk,
                desk,
            ),
            (("scim everything", None, "scim everything", &[("desk", "csv entitlements clinic")]), own, desk),
            (("scim nothing", Some("hub"), "scim everything", &[("desk", "csv accounts clinic")]), desk, hub),
            (("scim everything", None, "scim everything", &[("desk", "csv everything hub")]), own, own),
            // People may be the integration that is named, where the universal one is not to have it.
            (
                ("manual everything", None, "scim everything", &[everybody, ("desk", "manual everything clinic")]),
                (Way::Integration, Manual, "desk"),
                (Way::Integration, Manual, "desk"),
            ),
        ];
        for ((clinic, proxy, hub, integrations), accounts, entitlements) in rows {
            let configuration = configuration(clinic, *proxy, hub, integrations);
            for (part, expected) in [(Part::Accounts, accounts), (Part::Entitlements, entitlements)] {
                let route = route(&configuration, "clinic", part);
                let found = (route.way, route.mechanism, route.carrier.as_str());
                assert_eq!(found, *expected, "{part:?} of {clinic}, {proxy:?}, {hub}, {integrations:?}");
                assert!(route.why.ends_with('.') && route.why.contains("Clinic"), "{}", route.why);
            }
        }
    }

    #[test]
    fn what_the_configuration_does_not_know_is_for_people() {
        let route = route(&Configuration::default(), "clinic", Part::Accounts);
        assert_eq!(route, Route::unknown("clinic"));
    }
}
