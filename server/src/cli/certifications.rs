//! `certifications list`, `start`, `show`, `decide`, `reassign`, `sign-off`, `keep`, `retry`, `end`, `cancel` and `export`.

use std::io::Write;

use clap::{Args, Subcommand};
use engine::certifications;
use engine::context::OpContext;
use jiff::civil::Date;
use model::access::Grantable;
use model::certification::{
    AtEnd, CampaignRow, Decision, ItemFilter, ItemRow, ItemState, NewCampaign, Origin, Scope, SignOff,
};
use model::configuration::Approver;
use model::error::ErrorCode;
use model::ids::{CampaignId, CertificationItemId};
use serde::Serialize;

use super::output::{Output, fields};
use super::{CommandError, Exit, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Campaigns with how far each is, newest first
    List {
        /// Only those before this one
        #[arg(long)]
        before: Option<CampaignId>,
    },
    /// Begin a campaign, today or on a later day
    Start(Box<Start>),
    /// What a campaign covers, person by person
    Show {
        /// Number of the campaign
        campaign: CampaignId,
        /// Only items in this state, such as open, revoked or with_owner
        #[arg(long, value_parser = state)]
        state: Option<ItemState>,
        /// by_hand, rule, inherited or non_conforming
        #[arg(long, value_parser = origin)]
        origin: Option<Origin>,
        /// Only of this application
        #[arg(long)]
        application: Option<String>,
        /// Only people in whose name or key each of these words is
        #[arg(long)]
        text: Option<String>,
        /// Only what waits for the user with this login
        #[arg(long)]
        by: Option<String>,
        /// Only items after this one
        #[arg(long)]
        after: Option<CertificationItemId>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Decide about items, in the name of a reviewer; nothing happens before the sign-off
    Decide {
        #[command(flatten)]
        which: Which,
        /// approve, revoke or reopen
        #[arg(long, value_parser = decision)]
        decision: Decision,
        /// Kept with the decision
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Give items to another reviewer
    Reassign {
        #[command(flatten)]
        which: Which,
        /// Login of the other reviewer
        #[arg(long)]
        to: String,
    },
    /// Sign off what a reviewer has decided: what is revoked is taken away
    SignOff {
        /// Number of the campaign
        campaign: CampaignId,
        /// Login of the reviewer who signs off
        #[arg(long)]
        by: String,
        /// Only say what would happen
        #[arg(long)]
        preview: bool,
    },
    /// Say that something revoked stays, as the owner of what gives it
    Keep {
        /// Number of the item
        item: CertificationItemId,
        /// Login of the owner
        #[arg(long)]
        by: String,
        /// Why it stays: whoever revoked it reads that
        #[arg(long)]
        why: String,
    },
    /// Take away once more what could not be taken away
    Retry {
        /// Number of the item
        item: CertificationItemId,
    },
    /// End a campaign before its last day
    End {
        /// Number of the campaign
        campaign: CampaignId,
    },
    /// Call a campaign off; what was signed off stays
    Cancel {
        /// Number of the campaign
        campaign: CampaignId,
    },
    /// Everything that a campaign covers, as CSV
    Export {
        /// Number of the campaign
        campaign: CampaignId,
    },
}

#[derive(Debug, Args)]
pub struct Start {
    /// What people call the campaign
    name: String,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    /// Who reviews: manager, owner, application_owner, user:LOGIN or a permission profile; several may be given
    #[arg(long = "reviewer", required = true)]
    reviewers: Vec<String>,
    /// Who reviews what would be nobody's or somebody's own, spelled likewise
    #[arg(long)]
    fallback: Vec<String>,
    /// The first day; today unless given
    #[arg(long)]
    starts: Option<Date>,
    /// The last day, such as 2026-12-31
    #[arg(long)]
    ends: Date,
    /// Remind reviewers so many days before the last one
    #[arg(long)]
    remind: Option<u32>,
    /// What becomes of what nobody signs off: keep, revoke or mark
    #[arg(long, default_value = "keep", value_parser = at_end)]
    at_end: AtEnd,
    /// Only people for whom this condition over `identity` holds
    #[arg(long)]
    condition: Option<String>,
    /// Only people of this department
    #[arg(long)]
    department: Option<String>,
    /// Only what belongs to this application; several may be given
    #[arg(long = "application")]
    applications: Vec<String>,
    /// Only what is sorted into this category; several may be given
    #[arg(long = "category")]
    categories: Vec<String>,
    /// Only this thing, such as role:sales-staff; several may be given
    #[arg(long = "thing")]
    things: Vec<String>,
    /// Only role, access_profile, account_type or entitlement; several may be given
    #[arg(long = "kind")]
    kinds: Vec<String>,
    /// Only what is held by_hand, by rule, inherited or non_conforming; several may be given
    #[arg(long = "origin", value_parser = origin)]
    origins: Vec<Origin>,
    /// Only what was not certified within so many days
    #[arg(long)]
    not_certified: Option<u32>,
    /// Only what a violation of a risk of this level or more rests on
    #[arg(long)]
    risk_level: Option<i32>,
}

#[derive(Debug, Args)]
pub struct Which {
    /// Number of the campaign
    campaign: CampaignId,
    /// Numbers of items, as `certifications show` writes them
    #[arg(required = true)]
    items: Vec<CertificationItemId>,
    /// Login of the reviewer in whose name it is done
    #[arg(long)]
    by: String,
}

/// What became of one item.
#[derive(Debug, Serialize)]
struct Answer {
    item: CertificationItemId,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { before } => list(op, before, output).await,
        Command::Start(start) => begin(op, *start, output).await,
        Command::Show { campaign, state, origin, application, text, by, after, limit } => {
            let mine = by.is_some();
            let op = in_the_name_of(op, by).await?;
            let filter = ItemFilter { state, origin, application, text, mine, after, limit: Some(limit) };
            show(&op, campaign, &filter, output).await
        }
        Command::Decide { which, decision, comment } => {
            let op = certifications::in_the_name_of(op, &which.by).await?;
            let done = certifications::decide(&op, which.campaign, &chosen(&which), decision, &comment).await?;
            answer(done, decision.label(), output)
        }
        Command::Reassign { which, to } => {
            let op = certifications::in_the_name_of(op, &which.by).await?;
            answer(certifications::reassign(&op, which.campaign, &chosen(&which), &to).await?, "Given", output)
        }
        Command::SignOff { campaign, by, preview } => {
            let op = certifications::in_the_name_of(op, &by).await?;
            let done = match preview {
                true => certifications::preview_sign_off(&op, campaign).await?,
                false => certifications::sign_off(&op, campaign, None).await?,
            };
            output.value(&done, |done| signed(done, preview))?;
            Ok(Exit::Done)
        }
        Command::Keep { item, by, why } => {
            let op = certifications::in_the_name_of(op, &by).await?;
            certifications::keep(&op, item, &why).await?;
            output.say(&format!("item {item} stays."))?;
            Ok(Exit::Done)
        }
        Command::Retry { item } => {
            certifications::retry(op, item).await?;
            output.say(&format!("item {item} is tried again."))?;
            Ok(Exit::Done)
        }
        Command::End { campaign } => {
            certifications::end(op, campaign).await?;
            output.say(&format!("campaign {campaign} is ended."))?;
            Ok(Exit::Done)
        }
        Command::Cancel { campaign } => {
            certifications::cancel(op, campaign).await?;
            output.say(&format!("campaign {campaign} is cancelled."))?;
            Ok(Exit::Done)
        }
        Command::Export { campaign } => export(op, campaign).await,
    }
}

async fn in_the_name_of(op: &OpContext, login: Option<String>) -> Result<OpContext, CommandError> {
    match login {
        Some(login) => Ok(certifications::in_the_name_of(op, &login).await?),
        None => Ok(op.clone()),
    }
}

fn chosen(which: &Which) -> Vec<certifications::Chosen> {
    which.items.iter().map(|item| (*item, None)).collect()
}

async fn list(op: &OpContext, before: Option<CampaignId>, output: &Output) -> Result<Exit, CommandError> {
    let page = certifications::page(op, before).await?;
    let heading = ["id", "name", "state", "from", "to", "items", "to sign off", "being taken away", "with owners"];
    output.rows(&page.rows, &heading, |row: &CampaignRow| {
        let campaign = &row.campaign;
        vec![
            campaign.id.to_string(),
            campaign.what.name.clone(),
            campaign.state.name().to_owned(),
            campaign.what.starts.to_string(),
            campaign.what.ends.to_string(),
            row.total().to_string(),
            row.unsigned().to_string(),
            row.of(ItemState::Requested).to_string(),
            row.of(ItemState::WithOwner).to_string(),
        ]
    })?;
    if let Some(next) = page.next {
        output.say(&format!("{} of {}; --before {next} goes on", page.rows.len(), page.total))?;
    }
    Ok(Exit::Done)
}

async fn begin(op: &OpContext, start: Start, output: &Output) -> Result<Exit, CommandError> {
    let thing = |text: &String| -> Result<Grantable, CommandError> { Ok(engine::requests::name(op, text)?) };
    let approvers = |all: Vec<String>| all.into_iter().map(Approver::from).collect();
    let new = NewCampaign {
        name: start.name,
        description: start.description,
        scope: Scope {
            condition: start.condition,
            department: start.department,
            applications: start.applications,
            categories: start.categories,
            things: start.things.iter().map(thing).collect::<Result<_, _>>()?,
            kinds: start.kinds,
            origins: start.origins,
            not_certified_days: start.not_certified,
            risk_level: start.risk_level,
        },
        reviewers: approvers(start.reviewers),
        fallback: approvers(start.fallback),
        starts: start.starts.unwrap_or_else(|| op.engine.today()),
        ends: start.ends,
        remind_days: start.remind,
        at_end: start.at_end,
    };
    let id = certifications::start(op, new).await?;
    let row = certifications::campaign(op, id).await?;
    output.value(&row, |row| {
        format!("campaign {id} is {}, with {} items.", row.campaign.state.label().to_lowercase(), row.total())
    })?;
    Ok(Exit::Done)
}

async fn show(op: &OpContext, id: CampaignId, filter: &ItemFilter, output: &Output) -> Result<Exit, CommandError> {
    let row = certifications::campaign(op, id).await?;
    let page = certifications::items(op, id, filter).await?;
    let campaign = &row.campaign;
    output.say(&fields(&[
        ("name", campaign.what.name.clone()),
        ("description", campaign.what.description.clone()),
        ("state", campaign.state.label().to_owned()),
        ("days", format!("{} to {}", campaign.what.starts, campaign.what.ends)),
        ("at the end", campaign.what.at_end.label().to_owned()),
        ("items", format!("{}, {} to sign off", row.total(), row.unsigned())),
    ]))?;
    let heading = ["item", "identity", "what", "why", "state", "reviewers", "decided by", "request"];
    output.rows(&page.rows, &heading, |row: &ItemRow| {
        let item = &row.item;
        vec![
            item.id.to_string(),
            row.identity_name.clone(),
            format!("{}:{}", item.grantable.kind(), item.grantable.name()),
            row.why.join("; "),
            item.state.name().to_owned(),
            row.reviewers.join(", "),
            item.decided_by.clone().unwrap_or_default(),
            item.request.map(|id| id.to_string()).unwrap_or_default(),
        ]
    })?;
    if let Some(next) = page.next {
        output.say(&format!("{} of {}; --after {next} goes on", page.rows.len(), page.total))?;
    }
    Ok(Exit::Done)
}

/// Each for itself: one that is refused does not keep the others from being decided.
fn answer(outcomes: certifications::Outcomes, done: &str, output: &Output) -> Result<Exit, CommandError> {
    let mut answers = Vec::new();
    for (item, outcome) in outcomes {
        answers.push(match outcome {
            Ok(()) => Answer { item, error: None },
            Err(error) if error.code == ErrorCode::Internal => return Err(error.into()),
            Err(error) => Answer { item, error: Some(error.message) },
        });
    }
    output.rows(&answers, &["item", "outcome"], |answer: &Answer| {
        let said = answer.error.as_ref().map_or_else(|| done.to_lowercase(), |error| format!("refused: {error}"));
        vec![answer.item.to_string(), said]
    })?;
    let refused = answers.iter().filter(|answer| answer.error.is_some()).count() as u64;
    Ok(Exit::of(answers.len() as u64 - refused, refused))
}

fn signed(done: &SignOff, preview: bool) -> String {
    let would = if preview { "would be " } else { "" };
    let mut lines = vec![format!("{} {would}certified, {} {would}revoked.", done.approved, done.revoked)];
    for consequence in &done.consequences {
        let row = &consequence.item;
        lines.push(format!("  {}, {}: {}", row.identity_name, row.label, row.routes.join(" ")));
        let losses = consequence.preview.iter().flat_map(|preview| &preview.losses).map(|(_, label)| label.as_str());
        let losses: Vec<&str> = losses.collect();
        if !losses.is_empty() {
            lines.push(format!("    goes: {}", losses.join(", ")));
        }
        lines.extend(consequence.refused.iter().map(|why| format!("    cannot be taken away as it is: {why}")));
    }
    lines.join("\n")
}

/// Piece by piece, so that a campaign of any size goes out in bounded memory.
async fn export(op: &OpContext, id: CampaignId) -> Result<Exit, CommandError> {
    let mut after = None;
    let mut out = std::io::stdout();
    loop {
        let (text, next) = certifications::file(op, id, after).await?;
        out.write_all(text.as_bytes())?;
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn state(text: &str) -> Result<ItemState, String> {
    one_of(ItemState::from_name(text), ItemState::ALL.map(ItemState::name))
}

fn origin(text: &str) -> Result<Origin, String> {
    one_of(Origin::from_name(text), Origin::ALL.map(Origin::name))
}

fn decision(text: &str) -> Result<Decision, String> {
    one_of(Decision::from_name(text), Decision::ALL.map(Decision::name))
}

fn at_end(text: &str) -> Result<AtEnd, String> {
    one_of(AtEnd::from_name(text), AtEnd::ALL.map(AtEnd::name))
}
