//! Integrations: one that is well, one that does not answer, one to which nothing is sent.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::integrations;
use jiff::SignedDuration;
use model::account::Mechanism;
use model::configuration::Part;
use model::view::{IntegrationDetail, IntegrationRow, OrderCounts, PauseCause, RouteView};

use super::orders::counts;
use super::{before, now};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("integration", integrations::integration_sheet(&detail(0), rights, clock)),
        ("integration-silent", integrations::integration_sheet(&detail(1), rights, clock)),
        ("integration-idle", integrations::integration_sheet(&detail(2), rights, clock)),
    ]
}

fn route(application: &str, part: Part, mechanism: Mechanism, carrier: &str, why: &str) -> RouteView {
    let name = |label: &str| label.to_lowercase().replace(' ', "-");
    RouteView {
        application: name(application),
        application_name: application.into(),
        part,
        mechanism,
        carrier: name(carrier),
        carrier_name: carrier.into(),
        is_integration: application != carrier,
        why: why.into(),
    }
}

/// Those of payroll.
pub(crate) fn routes() -> Vec<RouteView> {
    vec![
        route(
            "Payroll",
            Part::Accounts,
            Mechanism::Direct,
            "Payroll",
            "The connection of \u{201c}Payroll\u{201d} writes accounts and their attributes itself.",
        ),
        route(
            "Payroll",
            Part::Entitlements,
            Mechanism::Executor,
            "Service desk",
            "\u{201c}Service desk\u{201d} carries out entitlements of \u{201c}Payroll\u{201d}.",
        ),
    ]
}

pub(crate) fn rows() -> Vec<IntegrationRow> {
    let row = |name: &str, connection: &str, mechanism, applications: &[&str]| IntegrationRow {
        name: name.to_lowercase().replace(' ', "-"),
        display_name: name.into(),
        connection: connection.into(),
        mechanism,
        universal: false,
        applications: applications.iter().map(|name| (*name).into()).collect(),
        open_orders: 14,
        failed_orders: 0,
        trouble: None,
        pause: None,
    };
    let silent = "The connection was refused.";
    vec![
        IntegrationRow {
            failed_orders: 2,
            ..row("Service desk", "request_tracker", Mechanism::Executor, &["Payroll"])
        },
        IntegrationRow {
            universal: true,
            trouble: Some(silent.into()),
            pause: Some(PauseCause::Quarantine {
                since: before(95),
                probe_at: now() + SignedDuration::from_mins(4),
                probes: 12,
                message: silent.into(),
            }),
            ..row("Nightly exchange", "csv", Mechanism::Executor, &["Mainframe", "Library", "Canteen"])
        },
        IntegrationRow { open_orders: 0, ..row("Night shift", "manual", Mechanism::Manual, &[]) },
    ]
}

fn detail(position: usize) -> IntegrationDetail {
    let row = rows().swap_remove(position);
    let universal = |application, part| {
        let why = "No connection writes it; \u{201c}Nightly exchange\u{201d} carries out what nobody else does.";
        route(application, part, Mechanism::Executor, "Nightly exchange", why)
    };
    IntegrationDetail {
        description: (position == 0).then(|| "Tickets for the people who look after groups.".into()),
        settings: vec![("Address".into(), "https://tickets.example.org".into()), ("Queue".into(), "Access".into())],
        carries: match position {
            0 => routes().split_off(1),
            1 => ["Mainframe", "Library", "Canteen"]
                .iter()
                .flat_map(|name| Part::ALL.map(|part| universal(name, part)))
                .collect(),
            _ => Vec::new(),
        },
        orders: if position == 2 { OrderCounts::default() } else { counts() },
        row,
    }
}
