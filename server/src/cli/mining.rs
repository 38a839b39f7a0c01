//! `mining run`, `mining accept`, `mining files`.

use app::logic::mining::KINDS;
use clap::{Args, Subcommand};
use engine::context::OpContext;
use engine::mining::{Given, Taken};
use model::configuration::RuleType;
use model::ids::DraftId;
use model::mining::{BundleProposal, Mining, MiningLimits, MiningQuery, MiningWeights, RuleProposal, Share};

use super::output::{Output, table};
use super::{CommandError, Exit, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What is proposed, with the key of each proposal
    Run {
        #[command(flatten)]
        question: Question,
    },
    /// Put proposals into a draft, which is looked at and published on its page
    Accept {
        #[command(flatten)]
        which: Which,
        /// An open draft; a new one unless told
        #[arg(long)]
        draft: Option<DraftId>,
        #[command(flatten)]
        question: Question,
    },
    /// Print proposals as configuration files have them
    Files {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        question: Question,
    },
}

#[derive(Args, Debug)]
pub struct Question {
    /// Only people for whom this condition over `identity` holds
    #[arg(long, default_value = "")]
    condition: String,
    /// found (in applications) or by_hand; both unless told
    #[arg(long, value_parser = access)]
    access: Option<&'static str>,
    /// rules (for what is there) or roles (new ones, and access profiles); both unless told
    #[arg(long, value_parser = wanted)]
    wanted: Option<&'static str>,
    /// Only of this application
    #[arg(long)]
    application: Option<String>,
    /// Only roles and access profiles of this category
    #[arg(long)]
    category: Option<String>,
    /// People that a proposal is about, at least
    #[arg(long, default_value_t = MiningLimits::default().people)]
    people: u32,
    /// Of those for whom a rule would hold, how many hold the thing already, at least, in percent
    #[arg(long, value_parser = share, default_value = "100")]
    precision: Share,
    /// How many would newly get the thing, measured by those who hold it, at most, in percent
    #[arg(long, value_parser = share, default_value = "0")]
    false_positives: Share,
    /// Attributes that a condition may join, at most
    #[arg(long, default_value_t = MiningLimits::default().attributes)]
    joined: u8,
    /// An attribute that conditions may use (several times); all unless told
    #[arg(long = "attribute")]
    attributes: Vec<String>,
    /// What something given to one person costs
    #[arg(long, default_value_t = MiningWeights::default().assignment)]
    cost_assignment: u32,
    /// What something inside a role or an access profile costs
    #[arg(long, default_value_t = MiningWeights::default().inclusion)]
    cost_inclusion: u32,
    /// What a role or an access profile costs
    #[arg(long, default_value_t = MiningWeights::default().role)]
    cost_role: u32,
    /// What a rule costs
    #[arg(long, default_value_t = MiningWeights::default().rule)]
    cost_rule: u32,
}

#[derive(Args, Debug)]
pub struct Which {
    /// Keys of proposals, each with the name that it is to have where it is to have another: KEY or KEY=NAME
    #[arg(required = true)]
    keys: Vec<String>,
    /// automatic, `automatic_with_validation` or suggested
    #[arg(long = "type", value_parser = kind, default_value = "automatic")]
    kind: RuleType,
    /// Priority of the rules; smaller wins where another rule denies
    #[arg(long, default_value_t = 0)]
    priority: i32,
}

impl Question {
    fn query(self) -> MiningQuery {
        let is = |chosen: Option<&str>, name: &str| chosen.is_none_or(|chosen| chosen == name);
        MiningQuery {
            found: is(self.access, "found"),
            by_hand: is(self.access, "by_hand"),
            rules: is(self.wanted, "rules"),
            bundles: is(self.wanted, "roles"),
            condition: self.condition,
            application: self.application,
            category: self.category,
            limits: MiningLimits {
                people: self.people,
                precision: self.precision,
                false_positives: self.false_positives,
                attributes: self.joined,
            },
            weights: MiningWeights {
                assignment: self.cost_assignment,
                inclusion: self.cost_inclusion,
                role: self.cost_role,
                rule: self.cost_rule,
            },
            attributes: self.attributes,
        }
    }
}

impl Which {
    fn taken(self, draft: Option<DraftId>) -> Taken {
        let given = |text: &String| {
            let (key, name) = text.split_once('=').unwrap_or((text, ""));
            Given { key: key.to_owned(), name: name.to_owned() }
        };
        Taken { proposals: self.keys.iter().map(given).collect(), kind: self.kind, priority: self.priority, draft }
    }
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Run { question } => {
            let mining = engine::mining::mine(op, &question.query()).await?;
            output.value(&mining, shown)?;
        }
        Command::Accept { which, draft, question } => {
            let id = engine::mining::take(op, &question.query(), &which.taken(draft)).await?;
            output.say(&format!("draft {id} holds them; look at it and publish it on its page, /drafts/{id}."))?;
        }
        Command::Files { which, question } => {
            output.text(&engine::mining::files(op, &question.query(), &which.taken(None)).await?)?;
        }
    }
    Ok(Exit::Done)
}

fn shown(mining: &Mining) -> String {
    let mut text = vec![format!(
        "{} people; {} things held by hand or by nothing, {} times in all; complexity {}, with all rules {}, with all new \
         roles and access profiles {}",
        mining.people, mining.things, mining.holdings, mining.before, mining.after_rules, mining.after_bundles
    )];
    text.extend(mining.notes.iter().cloned());
    if !mining.rules.is_empty() {
        let heading = ["key", "rule", "for", "when", "covers", "of", "newly", "precision", "saves"];
        let row = |rule: &RuleProposal| {
            let condition = &rule.condition;
            vec![
                rule.key.clone(),
                rule.name.clone(),
                rule.label.clone(),
                condition.when.clone(),
                condition.covered.total.to_string(),
                rule.holders.to_string(),
                condition.gains.total.to_string(),
                condition.precision.to_string(),
                rule.saving.to_string(),
            ]
        };
        text.push(String::new());
        text.push(table(&heading, &mining.rules.iter().map(row).collect::<Vec<_>>()));
    }
    if !mining.bundles.is_empty() {
        let heading = ["key", "new", "called", "of", "people", "newly", "when", "saves"];
        let row = |bundle: &BundleProposal| {
            let labels: Vec<&str> = bundle.things.iter().map(|(_, label)| label.as_str()).collect();
            let whens: Vec<&str> = bundle.conditions.iter().map(|condition| condition.when.as_str()).collect();
            vec![
                bundle.key.clone(),
                if bundle.application.is_some() { "access profile" } else { "role" }.to_owned(),
                bundle.name.clone(),
                labels.join(", "),
                bundle.members.total.to_string(),
                bundle.gains.total.to_string(),
                whens.join(" | "),
                bundle.saving.to_string(),
            ]
        };
        text.push(String::new());
        text.push(table(&heading, &mining.bundles.iter().map(row).collect::<Vec<_>>()));
    }
    if mining.rules.is_empty() && mining.bundles.is_empty() {
        text.push("Nothing is proposed within these limits.".to_owned());
    }
    text.join("\n")
}

fn access(text: &str) -> Result<&'static str, String> {
    word(text, ["found", "by_hand"])
}

fn wanted(text: &str) -> Result<&'static str, String> {
    word(text, ["rules", "roles"])
}

fn word(text: &str, words: [&'static str; 2]) -> Result<&'static str, String> {
    one_of(words.into_iter().find(|word| *word == text), words)
}

fn share(text: &str) -> Result<Share, String> {
    Share::parse(text).ok_or_else(|| "expected a share in percent, from 0 to 100, such as 99.5".to_owned())
}

fn kind(text: &str) -> Result<RuleType, String> {
    let found = KINDS.iter().find(|(_, name, _)| *name == text).map(|(kind, ..)| *kind);
    one_of(found, KINDS.map(|(_, name, _)| name))
}
