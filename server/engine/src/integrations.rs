//! Integrations: systems that carry out orders for applications, how they are, and which way each application's orders go.

use std::collections::HashMap;

use model::configuration::{Configuration, Integration, Part};
use model::error::ApiError;
use model::order::ProvisioningState;
use model::view::{IntegrationDetail, IntegrationRow, OrderCounts, PauseCause, RouteView};

use crate::Engine;
use crate::applications::{pauses, settings};
use crate::context::OpContext;
use crate::error::internal;

/// All integrations.
pub async fn rows(op: &OpContext) -> Result<Vec<IntegrationRow>, ApiError> {
    op.require("/Applications/View")?;
    let configuration = op.engine.world().configuration();
    let (pauses, troubles) = (pauses(op).await?, troubles(op).await?);
    let mut rows = Vec::with_capacity(configuration.integrations.len());
    for (name, integration) in &configuration.integrations {
        rows.push(row(name, integration, &carried(&op.engine, name), &counts(op, name).await?, &pauses, &troubles));
    }
    Ok(rows)
}

/// Names, and what people call them.
pub fn names(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    op.require("/Applications/View")?;
    let configuration = op.engine.world().configuration();
    let named = configuration.integrations.iter();
    Ok(named.map(|(name, integration)| (name.clone(), integration.display_name.clone())).collect())
}

/// One integration.
pub async fn detail(op: &OpContext, name: String) -> Result<IntegrationDetail, ApiError> {
    op.require("/Applications/View")?;
    let configuration = op.engine.world().configuration();
    let missing = || ApiError::not_found(format!("integration `{name}`"));
    let integration = configuration.integrations.get(&name).ok_or_else(missing)?;
    let carries = carried(&op.engine, &name);
    let orders = counts(op, &name).await?;
    Ok(IntegrationDetail {
        row: row(&name, integration, &carries, &orders, &pauses(op).await?, &troubles(op).await?),
        description: integration.description.clone(),
        settings: settings(&integration.connection),
        carries,
        orders,
    })
}

/// Which way the orders of an application go, part by part.
pub(crate) fn routes_of(engine: &Engine, application: &str) -> Vec<RouteView> {
    let configuration = engine.world().configuration();
    Part::ALL.map(|part| view(engine, &configuration, application, part)).into()
}

/// What is sent to an application or integration of other applications' orders.
pub(crate) fn carried(engine: &Engine, carrier: &str) -> Vec<RouteView> {
    let configuration = engine.world().configuration();
    let others = configuration.applications.keys().filter(|name| *name != carrier);
    let routes = others.flat_map(|name| Part::ALL.map(|part| view(engine, &configuration, name, part)));
    routes.filter(|route| route.carrier == carrier).collect()
}

fn view(engine: &Engine, configuration: &Configuration, application: &str, part: Part) -> RouteView {
    let live = engine.world().live();
    let route = live.catalogue.route(application, part);
    RouteView {
        application: application.to_owned(),
        application_name: engine.application_label(application),
        part,
        mechanism: route.mechanism,
        carrier: route.carrier.clone(),
        carrier_name: engine.application_label(&route.carrier),
        is_integration: configuration.integrations.contains_key(&route.carrier),
        why: route.why.clone(),
    }
}

async fn counts(op: &OpContext, carrier: &str) -> Result<OrderCounts, ApiError> {
    op.engine.store().order_counts_of_carrier(carrier).await.map_err(internal)
}

async fn troubles(op: &OpContext) -> Result<HashMap<String, String>, ApiError> {
    let facts = op.engine.application_facts().await.map_err(internal)?;
    Ok(facts.iter().filter_map(|facts| Some((facts.name.clone(), facts.trouble.clone()?))).collect())
}

fn row(
    name: &str,
    integration: &Integration,
    carries: &[RouteView],
    orders: &OrderCounts,
    pauses: &HashMap<String, PauseCause>,
    troubles: &HashMap<String, String>,
) -> IntegrationRow {
    let of = |wanted: &[ProvisioningState]| {
        orders.by_state.iter().filter(|(state, _)| wanted.contains(state)).map(|(_, count)| count).sum()
    };
    let mut applications: Vec<String> = carries.iter().map(|route| route.application_name.clone()).collect();
    applications.dedup();
    IntegrationRow {
        name: name.to_owned(),
        display_name: integration.display_name.clone(),
        connection: integration.connection.kind().to_owned(),
        mechanism: integration.connection.mechanism(),
        universal: integration.universal,
        applications,
        open_orders: of(&[
            ProvisioningState::Pending,
            ProvisioningState::Transmitted,
            ProvisioningState::AwaitingApproval,
        ]),
        failed_orders: of(&[ProvisioningState::Errored, ProvisioningState::Error]),
        trouble: troubles.get(name).cloned(),
        pause: pauses.get(name).cloned(),
    }
}
