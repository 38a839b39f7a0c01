//! Entitlements that applications have and the role model does not know: what naming rules make of them, and taking that
//! over into a draft.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::configuration::Configuration;
use model::error::ApiError;
use model::ids::DraftId;
use policy::naming_rules;

pub use crate::beside::Standing;
use crate::beside::Tell;
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

/// The same as [`rows`], as far as that is known within a few seconds: in a large organisation holders are counted beside whoever asks.
pub async fn known_rows(op: &OpContext) -> Result<Standing<Vec<FoundRow>>, ApiError> {
    op.require(VIEW)?;
    if !op.engine.is_large() {
        return rows(op).await.map(Standing::Done);
    }
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let (of, asked) = (op.clone(), Arc::clone(&configuration));
    let work = move |tell: Tell| async move { read(&of, &asked, Age::ShortWhile, &tell).await.map(Arc::new) };
    // What is known of it depends on the configuration of now; only what applications have is of a little while ago.
    Ok(match op.engine.found().ask(&op.engine, "what applications have", work).await? {
        Standing::Working { done } => Standing::Working { done },
        Standing::Done(on_record) => Standing::Done(rows_of(op, &configuration, &on_record)),
    })
}

/// All that applications said at their last synchronization, by application and key.
pub async fn rows(op: &OpContext) -> Result<Vec<FoundRow>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let on_record = read(op, &configuration, Age::ShortWhile, &|_| {}).await?;
    Ok(rows_of(op, &configuration, &on_record))
}

fn rows_of(op: &OpContext, configuration: &Configuration, (all, holders): &OnRecord) -> Vec<FoundRow> {
    let found = naming_rules::unknown(configuration, all.clone());
    let named = naming_rules::name(configuration, &found);
    let rows = found.into_iter().zip(named).map(|(found, named)| FoundRow {
        application_label: op.engine.application_label(&found.application),
        holders: holders.get(&(found.application.clone(), found.key.clone())).copied().unwrap_or_default(),
        found,
        named,
    });
    rows.collect()
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
    let (all, _) = read(op, &configuration, Age::Now, &|_| {}).await?;
    let mut found = naming_rules::unknown(&configuration, all);
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

/// What applications have, and how many accounts hold it, by application and key.
pub(crate) type OnRecord = (Vec<FoundEntitlement>, Holders);

/// Of when it may be what is told, in a large organisation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Now,
    ShortWhile,
}

/// Everything that applications of a configuration said they have, whether the role model knows it or not.
pub(crate) async fn on_record(
    op: &OpContext,
    configuration: &Configuration,
) -> Result<Vec<FoundEntitlement>, ApiError> {
    Ok(read(op, configuration, Age::ShortWhile, &|_| {}).await?.0)
}

async fn read(
    op: &OpContext,
    configuration: &Configuration,
    age: Age,
    tell: &(dyn Fn(u64) + Send + Sync),
) -> Result<OnRecord, ApiError> {
    let (mut all, mut holders) = (Vec::new(), Holders::new());
    for (application, done) in configuration.applications.keys().zip(0..) {
        tell(done);
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
