//! `reconciliation list`, `keep`, `remove`, `postpone`, `undo`, `go-live`.

use clap::{Args, Subcommand};
use engine::context::OpContext;
use engine::reconciliation::Matching;
use jiff::civil::Date;
use model::ids::ReconciliationId;
use model::reconciliation::{
    DecisionRow, Finding, GoLive, Lines, Origin, ReconciliationFilter, Redundancy, RoleProposal, Subject, Verdict,
    View, Word,
};

use super::output::Output;
use super::{CommandError, Exit, find_identity, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What applications hold and nothing grants, with what would happen by itself
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Keep it: access and accounts become direct grants, a proposed role is given, a redundant grant stays until its end
    Keep {
        #[command(flatten)]
        said: Decide,
        /// Last day on which it is kept; without an end unless told
        #[arg(long)]
        until: Option<Date>,
        /// For an account of nobody: login of who answers for it
        #[arg(long)]
        responsible: Option<String>,
    },
    /// Remove it by a plan; of a redundant grant only the grant goes, and a proposed role is declined
    Remove(Decide),
    /// Decide another day: it stays until then
    Postpone {
        #[command(flatten)]
        said: Decide,
        /// Day from which it is open again
        #[arg(long)]
        until: Date,
    },
    /// Take decisions back
    Undo {
        /// Numbers of the decisions, as `list --view decided` has them
        #[arg(required = true)]
        decisions: Vec<ReconciliationId>,
    },
    /// Mark what applications hold now and nothing grants as there before: it is never removed by itself
    GoLive {
        /// Only this application; otherwise each that did not go live yet
        #[arg(long)]
        application: Option<String>,
        /// Only say how much it would be
        #[arg(long)]
        dry_run: bool,
        /// Also what came since an application went live
        #[arg(long)]
        again: bool,
    },
}

/// Which ones.
#[derive(Debug, Args)]
pub struct Which {
    /// access, accounts, orphans, redundant, roles or decided
    #[arg(long, default_value = "access", value_parser = view)]
    view: View,
    /// Only of this application
    #[arg(long)]
    application: Option<String>,
    /// Only on accounts of this type
    #[arg(long)]
    account_type: Option<String>,
    /// Only of this identity: its key in the identity source, or its number
    #[arg(long)]
    identity: Option<String>,
    /// Only what is known since that day or later
    #[arg(long)]
    since: Option<Date>,
    /// non_conforming or pre_existing
    #[arg(long, value_parser = origin)]
    origin: Option<Origin>,
}

impl Which {
    fn is_said(&self) -> bool {
        let Self { view, application, account_type, identity, since, origin } = self;
        let words = [application, account_type, identity];
        *view != View::Access || words.iter().any(|word| word.is_some()) || since.is_some() || origin.is_some()
    }
}

#[derive(Debug, Args)]
pub struct Decide {
    /// What is meant, as `list` has it in the column `item`
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    items: Vec<Subject>,
    /// All that match
    #[arg(long)]
    all: bool,
    /// With --all, so many are meant: does nothing and says how many there are unless the number is right
    #[arg(long, requires = "all", conflicts_with = "items")]
    expect: Option<u64>,
    /// With --expect, where more match than are decided about at once: which are meant, as the refusal wrote it
    #[arg(long, requires = "expect")]
    seen: Option<String>,
    /// With --all, only what follows in the list, as the refusal wrote it
    #[arg(long, requires = "all")]
    after: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Why; it is kept with the decision
    #[arg(long)]
    reason: String,
}

impl Decide {
    /// Filters say which of all are meant; beside items they would be silently without effect.
    fn check(&self) -> Result<(), CommandError> {
        if self.all || !self.which.is_said() {
            return Ok(());
        }
        Err(CommandError::Usage("filters say which of all are meant: add --all, or name only items".to_owned()))
    }
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    let word =
        |verdict, said: &Decide, until, responsible| Word { verdict, reason: said.reason.clone(), until, responsible };
    match command {
        Command::List { which, limit } => list(op, which, limit, output).await,
        Command::Keep { said, until, responsible } => {
            let word = word(Verdict::Keep, &said, until, responsible);
            decide(op, said, word, output).await
        }
        Command::Remove(said) => {
            let word = word(Verdict::Remove, &said, None, None);
            decide(op, said, word, output).await
        }
        Command::Postpone { said, until } => {
            let word = word(Verdict::Postpone, &said, Some(until), None);
            decide(op, said, word, output).await
        }
        Command::Undo { decisions } => {
            let outcomes = engine::reconciliation::undo(op, &decisions).await?;
            let refused: Vec<String> = outcomes
                .iter()
                .filter_map(|(id, outcome)| Some(format!("decision {id}: {}", outcome.as_ref().err()?.message)))
                .collect();
            finish(outcomes.len(), &refused, "taken back", output)
        }
        Command::GoLive { application, dry_run, again } => {
            go_live(op, application.as_deref(), dry_run, again, output).await
        }
    }
}

async fn filter(op: &OpContext, which: Which) -> Result<ReconciliationFilter, CommandError> {
    let identity = match which.identity {
        Some(key) => Some(find_identity(op, &key).await?),
        None => None,
    };
    let Which { view, application, account_type, since, origin, .. } = which;
    Ok(ReconciliationFilter {
        view,
        application,
        account_type,
        identity,
        since,
        origin,
        text: None,
        after: None,
        limit: None,
    })
}

async fn list(op: &OpContext, which: Which, limit: u32, output: &Output) -> Result<Exit, CommandError> {
    let filter = ReconciliationFilter { limit: Some(limit), ..filter(op, which).await? };
    let lines = engine::reconciliation::page(op, &filter).await?;
    match &lines {
        Lines::Findings(page) => {
            let heading = ["item", "what", "account", "owner", "origin", "since", "by itself"];
            output.rows(&page.rows, &heading, finding)?;
        }
        Lines::Redundant(page) => {
            let heading = ["item", "what", "owner", "request", "reason", "given as well by"];
            output.rows(&page.rows, &heading, redundant)?;
        }
        Lines::Roles(page) => {
            let heading = ["item", "what", "owner", "proposal", "explains", "missing"];
            output.rows(&page.rows, &heading, proposal)?;
        }
        Lines::Decided(page) => {
            let heading = ["id", "what", "decision", "stands", "by", "reason"];
            output.rows(&page.rows, &heading, decided)?;
        }
    }
    if let Some(sentence) = engine::reconciliation::left_out(op, &filter).await? {
        output.say(&sentence)?;
    }
    output.say_more(lines.shown() as u64, lines.counted(), lines.next().is_some())?;
    Ok(Exit::Done)
}

fn finding(row: &Finding) -> Vec<String> {
    let origin = if row.pre_existing { Origin::PreExisting } else { Origin::NonConforming };
    let outlook = row.outlook.as_ref();
    vec![
        row.subject.to_string(),
        row.label.clone(),
        row.called.as_ref().map_or_else(|| row.account_key.clone(), |called| format!("{called} ({})", row.account_key)),
        row.identity_name.clone().unwrap_or_default(),
        origin.name().to_owned(),
        row.since.strftime("%F %T").to_string(),
        outlook.map_or_else(String::new, |outlook| {
            format!("{}: {}", if outlook.goes { "goes" } else { "stays" }, outlook.why)
        }),
    ]
}

fn redundant(row: &Redundancy) -> Vec<String> {
    vec![
        row.subject.to_string(),
        row.label.clone(),
        row.identity_name.clone(),
        row.request.to_string(),
        row.justification.clone(),
        row.causes.join(", "),
    ]
}

fn proposal(row: &RoleProposal) -> Vec<String> {
    let kind = match (row.rivals.is_empty(), row.missing.is_empty()) {
        (false, _) => "ambiguous",
        (true, true) => "exact",
        (true, false) => "in part",
    };
    vec![
        row.subject.to_string(),
        row.label.clone(),
        row.identity_name.clone(),
        kind.to_owned(),
        row.explains.join(", "),
        row.missing.join(", "),
    ]
}

fn decided(row: &DecisionRow) -> Vec<String> {
    let decision = &row.decision;
    let until = decision.until.map(|day| format!(" until {day}")).unwrap_or_default();
    vec![
        decision.id.to_string(),
        decision.title.clone(),
        format!("{}{until}", decision.verdict.name()),
        if row.stands { "yes" } else { "no" }.to_owned(),
        decision.decided_by.clone(),
        decision.comment.clone(),
    ]
}

async fn decide(op: &OpContext, said: Decide, word: Word, output: &Output) -> Result<Exit, CommandError> {
    said.check()?;
    let done = match word.verdict {
        Verdict::Keep => "kept",
        Verdict::Remove => "to be removed",
        Verdict::Postpone => "postponed",
    };
    let outcomes = if said.all {
        let filter = ReconciliationFilter { after: said.after, ..filter(op, said.which).await? };
        let there = engine::reconciliation::matching(op, &filter).await?;
        if there.count == 0 {
            output.say("Nothing of this kind waits for a decision.")?;
            return Ok(Exit::Done);
        }
        let seen = said.seen.as_deref().or_else(|| there.next.is_none().then_some(there.digest.as_str()));
        let (true, Some(seen)) = (said.expect == Some(there.count), seen) else {
            output.say(&refused_count(&there, done))?;
            return Ok(Exit::Refused);
        };
        engine::reconciliation::decide_all(op, &filter, seen, &word).await?
    } else {
        engine::reconciliation::decide(op, &said.items, &word).await?
    };
    let refused: Vec<String> = outcomes
        .iter()
        .filter_map(|(subject, outcome)| Some(format!("{subject}: {}", outcome.as_ref().err()?.message)))
        .collect();
    finish(outcomes.len(), &refused, done, output)
}

/// What to say where somebody did not say how many they mean, or, of more than are decided about at once, which.
fn refused_count(there: &Matching, done: &str) -> String {
    let Matching { count, digest, next } = there;
    match next {
        None => format!("nothing was done. {count} would be {done}; to go on, add --expect {count}"),
        Some(next) => format!(
            "nothing was done. More match than are decided about at once: {count} would be {done}; to go on, add --expect {count} \
             --seen {digest}, and for those that follow them, --after {next}"
        ),
    }
}

fn finish(all: usize, refused: &[String], done: &str, output: &Output) -> Result<Exit, CommandError> {
    for line in refused {
        output.say(line)?;
    }
    output.say(&format!("{} of {all} {done}.", all - refused.len()))?;
    Ok(Exit::of((all - refused.len()) as u64, refused.len() as u64))
}

async fn go_live(
    op: &OpContext,
    application: Option<&str>,
    dry_run: bool,
    again: bool,
    output: &Output,
) -> Result<Exit, CommandError> {
    let marked = match dry_run {
        true => engine::reconciliation::preview_go_live(op, application).await?,
        false => engine::reconciliation::go_live(op, application, again).await?,
    };
    output.rows(&marked, &["application", "entitlements", "accounts", "went live"], |live: &GoLive| {
        let before = live.before.as_ref().map(|(at, by)| format!("{} by {by}", at.strftime("%F %T")));
        vec![live.application.clone(), live.access.to_string(), live.accounts.to_string(), before.unwrap_or_default()]
    })?;
    output.say(if dry_run { "Nothing was marked: so much would be." } else { "Marked as there before." })?;
    Ok(Exit::Done)
}

fn view(text: &str) -> Result<View, String> {
    one_of(View::from_name(text), View::ALL.map(View::name))
}

fn origin(text: &str) -> Result<Origin, String> {
    one_of(Origin::from_name(text), Origin::ALL.map(Origin::name))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        said: Decide,
    }

    #[test]
    fn filters_are_for_all_and_not_beside_items() {
        for (words, is_good) in [
            ("orphan:5 --reason why", true),
            ("orphan:5", false),
            ("five --reason why", false),
            ("orphan:5 --reason why --view orphans", false),
            ("orphan:5 --reason why --all", false),
            ("--all --reason why --view orphans --expect 3", true),
            ("--reason why", false),
        ] {
            let line = Line::try_parse_from(std::iter::once("keep").chain(words.split_whitespace()));
            let said = line.ok().filter(|line| line.said.check().is_ok());
            assert_eq!(said.is_some(), is_good, "{words}");
        }
    }
}
