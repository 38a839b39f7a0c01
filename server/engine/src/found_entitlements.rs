//! Entitlements that applications have and the role model does not know: what naming rules make of them, and taking that
//! over into a draft.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::configuration::Configuration;
use model::error::ApiError;
use model::ids::DraftId;
use policy::naming_rules;

use crate::context::OpContext;
use crate::drafts;
use crate::error::internal;
use crate::role_model::VIEW;

pub use policy::naming_rules::{FoundEntitlement, Named};

/// An entitlement that an application has and nothing in the role model stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRow {
    pub found: FoundEntitlement,
    /// What people call its application.
    pub application_label: String,
    /// Accounts that hold it there.
    pub holders: u64,
    /// What a naming rule makes of it; none where no rule fits.
    pub named: Option<Named>,
}

/// Which of them are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    All,
    /// Those that a rule names.
    Named,
    /// Those that no rule names, or whose name is taken.
    Unnamed,
}

impl Show {
    pub const ALL: [Self; 3] = [Self::All, Self::Named, Self::Unnamed];

    /// As in addresses and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Named => "named",
            Self::Unnamed => "unnamed",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|show| show.name() == name)
    }

    pub fn includes(self, row: &FoundRow) -> bool {
        let is_named = row.named.as_ref().is_some_and(|named| named.clash.is_none());
        match self {
            Self::All => true,
            Self::Named => is_named,
            Self::Unnamed => !is_named,
        }
    }
}

/// All that applications said at their last synchronization, by application and key.
pub async fn rows(op: &OpContext) -> Result<Vec<FoundRow>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let (found, holders) = found(op, &configuration, Age::ShortWhile).await?;
    let named = naming_rules::name(&configuration, &found);
    let rows = found.into_iter().zip(named).map(|(found, named)| FoundRow {
        application_label: op.engine.application_label(&found.application),
        holders: holders.get(&(found.application.clone(), found.key.clone())).copied().unwrap_or_default(),
        found,
        named,
    });
    Ok(rows.collect())
}

/// Puts what naming rules make of the found entitlements into a new draft: of those chosen by application and key, or of
/// all.
///
/// # Errors
/// Where nothing of it can be made.
pub async fn draft(op: &OpContext, chosen: Option<&BTreeSet<(String, String)>>) -> Result<DraftId, ApiError> {
    op.require(drafts::DRAFT)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let (mut found, _) = found(op, &configuration, Age::Now).await?;
    if let Some(chosen) = chosen {
        found.retain(|one| chosen.contains(&(one.application.clone(), one.key.clone())));
    }
    let objects = naming_rules::objects(&configuration, &found);
    let made = objects.iter().filter(|(kind, ..)| *kind == model::draft::ObjectKind::Entitlement).count();
    if made == 0 {
        let message =
            "No naming rule makes anything of them. Choose some that have a name, or add a rule to the configuration.";
        return Err(ApiError::invalid("chosen", message));
    }
    let title = if made == 1 { "Add 1 found entitlement".to_owned() } else { format!("Add {made} found entitlements") };
    drafts::begin(op, title, objects).await
}

type Holders = std::collections::HashMap<(String, String), u64>;

/// Of when it may be what is told, in a large organisation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Now,
    ShortWhile,
}

async fn found(
    op: &OpContext,
    configuration: &Configuration,
    age: Age,
) -> Result<(Vec<FoundEntitlement>, Holders), ApiError> {
    let (all, holders) = read(op, configuration, age).await?;
    Ok((naming_rules::unknown(configuration, all), holders))
}

/// Everything that applications of a configuration said they have, whether the role model knows it or not.
pub(crate) async fn on_record(
    op: &OpContext,
    configuration: &Configuration,
) -> Result<Vec<FoundEntitlement>, ApiError> {
    Ok(read(op, configuration, Age::ShortWhile).await?.0)
}

async fn read(
    op: &OpContext,
    configuration: &Configuration,
    age: Age,
) -> Result<(Vec<FoundEntitlement>, Holders), ApiError> {
    let (mut all, mut holders) = (Vec::new(), Holders::new());
    for application in configuration.applications.keys() {
        let rows = match age {
            Age::Now => op.engine.store().entitlement_rows(application).await.map(Arc::new),
            Age::ShortWhile => op.engine.entitlement_rows(application).await,
        };
        for row in rows.map_err(internal)?.iter() {
            holders.insert((application.clone(), row.key.clone()), row.holders);
            let (key, display_name) = (row.key.clone(), row.display_name.clone());
            all.push(FoundEntitlement { application: application.clone(), key, display_name });
        }
    }
    Ok((all, holders))
}
