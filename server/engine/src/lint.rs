//! The policy check: what of a configuration makes no sense beside the rest of it (`policy::lint`), over the people on
//! record; of what is live, of files that are not applied yet, and of what a draft would newly bring.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::configuration::Configuration;
use model::error::ApiError;
use model::lint::{Finding, FindingKind, Severity};
use policy::model::{ModelError, RoleModel};

use crate::configuration;
use crate::configurations::ConfigurationError;
use crate::context::OpContext;
use crate::found_entitlements::on_record;
use crate::role_model::VIEW;
use crate::what_if;

/// Which findings are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingFilter {
    pub kind: Option<FindingKind>,
    pub severity: Option<Severity>,
}

impl FindingFilter {
    pub fn includes(self, finding: &Finding) -> bool {
        self.kind.is_none_or(|kind| kind == finding.kind)
            && self.severity.is_none_or(|severity| severity == finding.severity)
    }

    /// How many findings there are of each kind, whatever kind is meant; kinds without any are left out.
    pub fn counts(self, findings: &[Finding]) -> BTreeMap<FindingKind, u64> {
        let mut counts = BTreeMap::new();
        let any_kind = Self { kind: None, ..self };
        for finding in findings.iter().filter(|finding| any_kind.includes(finding)) {
            *counts.entry(finding.kind).or_default() += 1;
        }
        counts
    }
}

/// All findings of the live configuration.
pub async fn findings(op: &OpContext) -> Result<Vec<Finding>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().live();
    let found = on_record(op, &live.configuration).await?;
    let (engine, today) = (op.engine.clone(), op.engine.today());
    let work = move || what_if::known_findings(engine.world(), &live, found, today);
    let known = tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())?;
    let mut findings = Vec::clone(&known);
    hide_people(op, &mut findings);
    Ok(findings)
}

/// All findings of a configuration directory, with file and line.
///
/// # Errors
/// What is wrong with the files, where they are no configuration.
pub async fn of_files(op: &OpContext, directory: &Path) -> Result<Vec<Finding>, ConfigurationError> {
    op.require(VIEW)?;
    let files = configuration::read(directory).map_err(ConfigurationError::Findings)?;
    let mut findings = checked(op, files.configuration.clone()).await?;
    for spot in findings.iter_mut().flat_map(|finding| &mut finding.spots) {
        spot.place = files.place_of(&spot.table, &spot.name, spot.field.as_deref());
    }
    Ok(findings)
}

/// The worst of them; none where there is nothing.
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).min()
}

async fn checked(op: &OpContext, wanted: Configuration) -> Result<Vec<Finding>, ApiError> {
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let found = on_record(op, &wanted).await?;
    let (engine, today) = (op.engine.clone(), op.engine.today());
    let work = move || {
        let model = Arc::new(RoleModel::compile(&wanted)?);
        Ok::<_, Vec<ModelError>>(what_if::findings(engine.world(), &wanted, &model, found, today))
    };
    let findings = tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())?;
    let mut findings = findings.map_err(|_| ApiError::internal())?;
    hide_people(op, &mut findings);
    Ok(findings)
}

/// Those after a change that were not there before.
pub(crate) fn new_ones(before: &[Finding], after: Vec<Finding>) -> Vec<Finding> {
    after.into_iter().filter(|finding| !before.iter().any(|known| known.is_same(finding))).collect()
}

/// Takes people out of witnesses for whoever may not see them; whom somebody made up is nobody's secret.
pub(crate) fn hide_people(op: &OpContext, findings: &mut [Finding]) {
    if !op.may("/Identities/View") {
        findings.iter_mut().for_each(|finding| finding.witness.people.retain(|person| person.is_made_up));
    }
}
